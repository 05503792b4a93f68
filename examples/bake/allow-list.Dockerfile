# Apache httpd and what it needs to start, and no other program or library: a distroless image, made of an ordinary one.
#
# For:      the smallest image that you can make of a base with a package manager, without building the app anew.
# Protects: an allow-list knows no names of tools that it could have missed: every program and script goes but httpd, and
#           every library that httpd and the modules of allow-list.toml do not need. One layer: what goes is nowhere.
# Costs:    the image shrinks from 191 to 10 MB (compressed from 70 to 3 MB; measured on Debian 12 with its httpd, arranged as
#           the official image). What the app loads by name while it runs, such as modules, has to be listed, and tried.
#           As with squashed.Dockerfile, no layer is shared, and what the base image says of how it is run stands below
#           once more.
#
#   podman build -f examples/bake/allow-list.Dockerfile examples/bake
FROM docker.io/library/httpd:2.4 AS hardened
RUN --mount=type=bind,from=ghcr.io/lithify/lithify:0.1.0,source=/bin/lithify,target=/lithify \
    --mount=type=bind,source=allow-list.toml,target=/allow-list.toml \
    ["/lithify", "harden", "--profile", "/allow-list.toml", "--app", "httpd -DFOREGROUND"]

FROM scratch
COPY --from=hardened / /
ENV PATH=/usr/local/apache2/bin
WORKDIR /usr/local/apache2
# In place of the script httpd-foreground.
CMD ["httpd", "-DFOREGROUND"]
EXPOSE 80
STOPSIGNAL SIGWINCH
