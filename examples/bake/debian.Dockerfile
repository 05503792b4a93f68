# nginx on Debian, hardened when the image is built.
#
# For:      images that you build yourself, on a base with a shell. `RUN` in its exec form needs none.
# Protects: no shell, interpreter, downloader, package manager or other tool of an intruder is in the container's root
#           filesystem, also with readOnlyRootFilesystem and as any user; what the app listens on stays. lithify stays,
#           too, for probes and hooks: `/lithify verify`, `probe`, `sleep`.
# Costs:    one second when the image is built, nothing at run time. The image (139 MB with Debian 12's nginx) grows by
#           less than 1 MB: the layers of the base still hold what is removed above them, and whoever can pull the image
#           can read it there; see squashed.Dockerfile.
#
#   podman build -f examples/bake/debian.Dockerfile examples/bake
FROM docker.io/library/nginx:1.28
COPY --from=ghcr.io/lithify/lithify:0.1.0 /bin/lithify /lithify
RUN ["/lithify", "harden", "--profile", "nginx", "--profile", "distroless", "--app", "nginx -g 'daemon off;'"]
# The image's entrypoint is a shell script, and the shell is gone.
ENTRYPOINT ["/usr/sbin/nginx"]
CMD ["-g", "daemon off;"]
