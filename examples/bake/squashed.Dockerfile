# nginx without shells and tools, in an image of one layer.
#
# For:      images that others can pull, and scanners that look into every layer.
# Protects: as debian.Dockerfile; and what is removed is nowhere in the image, because its one layer is made of what is
#           left. lithify is only mounted while the image is built, and is not in it.
# Costs:    the image shrinks from 139 to 113 MB (compressed from 48 to 37 MB; measured on Debian 12 with its nginx, arranged
#           as the official image), but shares no layer with other images of the same base. Some 10 seconds when the image
#           is built. What the base image says of how it is run (ENV, USER, WORKDIR, EXPOSE, STOPSIGNAL, ...) is lost, and
#           stands below once more.
#
#   podman build -f examples/bake/squashed.Dockerfile examples/bake
FROM docker.io/library/nginx:1.28 AS hardened
RUN --mount=type=bind,from=ghcr.io/lithify/lithify:0.1.0,source=/bin/lithify,target=/lithify \
    ["/lithify", "harden", "--profile", "nginx", "--profile", "distroless", "--app", "nginx -g 'daemon off;'"]

FROM scratch
COPY --from=hardened / /
# The image's entrypoint is a shell script, and the shell is gone.
ENTRYPOINT ["/usr/sbin/nginx"]
CMD ["-g", "daemon off;"]
EXPOSE 80
STOPSIGNAL SIGQUIT
