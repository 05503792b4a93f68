# nginx on Alpine, hardened when the image is built.
#
# For:      images on Alpine, where the shell and 300 other commands are one program, busybox.
# Protects: /bin/busybox goes with every link to it, and apk; no other name or copy of them is left in the container's
#           root filesystem. The package database stays, for scanners. lithify stays, too, for probes and hooks.
# Costs:    one second when the image is built, nothing at run time. The image grows by lithify, less than 1 MB; the layers
#           of the base still hold what is removed above them: see squashed.Dockerfile.
#
#   podman build -f examples/bake/alpine.Dockerfile examples/bake
FROM docker.io/library/nginx:1.28-alpine
COPY --from=ghcr.io/lithify/lithify:0.1.0 /bin/lithify /lithify
RUN ["/lithify", "harden", "--profile", "nginx", "--profile", "distroless", "--app", "nginx -g 'daemon off;'"]
# The image's entrypoint is a shell script, and the shell is gone.
ENTRYPOINT ["/usr/sbin/nginx"]
CMD ["-g", "daemon off;"]
