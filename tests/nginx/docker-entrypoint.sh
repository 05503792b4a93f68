#!/bin/sh
# Stands for the official image's entrypoint: prepares something with the shell, then becomes the app.
set -e
touch /var/cache/nginx/prepared
exec "$@"
