// Loaded into a server as its module: tries from inside of it every way to a shell, and writes to /tmp/attack how that went.
#define main app_main
#include "app.c"

__attribute__((constructor)) static void loaded(void) {
  int own = dup(1);
  int out = open("/tmp/attack", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (own < 0 || out < 0 || dup2(out, 1) < 0) return;
  attack("/bin/sh", "/lib64/ld-linux-x86-64.so.2", "/tmp");
  fflush(stdout);
  dup2(own, 1);
  close(own);
  close(out);
}
