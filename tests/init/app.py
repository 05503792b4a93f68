"""A WSGI app; for /attack it tries every way to a shell, as who got in through it would."""

import os
import shutil
import ssl
import subprocess
from wsgiref.simple_server import make_server

SHELL, LOADER, COPY = "/bin/sh", "/lib64/ld-linux-x86-64.so.2", "/tmp/copy"


def execv(*arguments):
    child = os.fork()
    if child == 0:
        try:
            os.execv(arguments[0], [*arguments, "-c", "exit 0"])
        except OSError:
            os._exit(126)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def run(*arguments):
    return subprocess.run([*arguments, "-c", "exit 0"], stderr=subprocess.DEVNULL).returncode == 0


def copied():
    shutil.copyfile(SHELL, COPY)
    os.chmod(COPY, 0o755)
    return COPY


def memory():
    memory = os.memfd_create("x", 0)
    with open(SHELL, "rb") as shell:
        os.write(memory, shell.read())
    return f"/proc/self/fd/{memory}"


WAYS = {
    "exec": lambda: execv(SHELL),
    "subprocess": lambda: run(SHELL),
    "loader": lambda: run(LOADER, SHELL),
    "system": lambda: os.system("exit 0") == 0,
    "shell=True": lambda: subprocess.run("exit 0", shell=True).returncode == 0,
    "copy": lambda: execv(copied()),
    "loaded copy": lambda: run(LOADER, copied()),
    "memory": lambda: execv(memory()),
}


def attack():
    for name, way in WAYS.items():
        try:
            outcome = "worked" if way() else "failed"
        except OSError as error:
            outcome = str(error)
        yield f"{name}: {outcome}\n".encode()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/attack":
        return [b"".join(attack())]
    return [b"python answers with " + ssl.OPENSSL_VERSION.encode() + b"\n"]


make_server("127.0.0.1", 8080, app).serve_forever()
