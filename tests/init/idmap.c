// idmap SOURCE TARGET: mounts SOURCE at TARGET with the owners 0 to 65535 of its files seen as those from 100000 on, as
// runtimes mount what a pod with hostUsers: false has.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void map(int pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int file = open(path, O_WRONLY);
  const char *text = "0 100000 65536\n";
  if (file < 0 || write(file, text, strlen(text)) < 0) die(path);
  close(file);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  int ready[2];
  char byte;
  if (pipe(ready)) die("pipe");
  int child = fork();
  if (child < 0) die("fork");
  if (!child) {
    if (unshare(CLONE_NEWUSER)) die("unshare");
    close(ready[0]);
    close(ready[1]);
    for (;;) pause();
  }
  // Its end is closed when the namespace is there.
  close(ready[1]);
  if (read(ready[0], &byte, 1)) die("read");
  map(child, "uid_map");
  map(child, "gid_map");
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", child);
  int namespace = open(path, O_RDONLY | O_CLOEXEC);
  if (namespace < 0) die(path);
  kill(child, SIGKILL);
  int tree = open_tree(AT_FDCWD, arguments[1], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) die("open_tree");
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = namespace};
  if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes)) die("mount_setattr");
  if (move_mount(tree, "", AT_FDCWD, arguments[2], MOVE_MOUNT_F_EMPTY_PATH)) die("move_mount");
  return 0;
}
