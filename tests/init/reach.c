// What a confined app reaches outside of itself: TCP ports, other processes, device files.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int outcome(const char *what, int worked) {
  printf("%s: %s\n", what, worked ? "worked" : strerror(errno));
  return 0;
}

static struct sockaddr_in local(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int named(int type, int protocol, int port) {
  struct sockaddr_in address = local(port);
  int one = 1, fd = socket(AF_INET, type, protocol);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  return fd >= 0 && bind(fd, (void *)&address, sizeof address) == 0 ? fd : -1;
}

// Every way to take PORT, which is listed, and OTHER, which is not.
static int binds(int port, int other) {
  outcome("bind listed", named(SOCK_STREAM, 0, port) >= 0);
  outcome("bind other", named(SOCK_STREAM, 0, other) >= 0);
  outcome("bind any", named(SOCK_STREAM, 0, 0) >= 0);
  outcome("bind UDP", named(SOCK_DGRAM, 0, other) >= 0);
  outcome("bind MPTCP", named(SOCK_STREAM, IPPROTO_MPTCP, other) >= 0);
  return outcome("listen without bind", listen(socket(AF_INET, SOCK_STREAM, 0), 1) == 0);
}

static int connects(int protocol, int port) {
  struct sockaddr_in address = local(port);
  int fd = socket(AF_INET, SOCK_STREAM, protocol);
  return fd >= 0 && connect(fd, (void *)&address, sizeof address) == 0;
}

// Every way to PORT, which is listed, and to OTHER, which is not. This process listens on both.
static int reaches(int port, int other) {
  int fds[] = {named(SOCK_STREAM, 0, port), named(SOCK_STREAM, 0, other)};
  for (int i = 0; i < 2; i++)
    if (listen(fds[i], 16)) return 98;
  outcome("connect listed", connects(0, port));
  outcome("connect other", connects(0, other));
  outcome("connect MPTCP", connects(IPPROTO_MPTCP, other));
  struct sockaddr_in address = local(other);
  outcome("connect fast open", sendto(socket(AF_INET, SOCK_STREAM, 0), "x", 1, MSG_FASTOPEN, (void *)&address, sizeof address) == 1);
  return outcome("send UDP", sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&address, sizeof address) == 1);
}

// The process that runs `wait NAME`, once there is one.
static int waiting(const char *name) {
  char words[64] = "wait";
  strncpy(words + 5, name, sizeof words - 6);
  for (int i = 0; i < 6000; i++) {
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    while ((entry = readdir(proc))) {
      char path[64], text[512] = "";
      snprintf(path, sizeof path, "/proc/%d/cmdline", atoi(entry->d_name));
      int fd = atoi(entry->d_name) == getpid() ? -1 : open(path, O_RDONLY);
      ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text);
      if (fd >= 0) close(fd);
      if (length > 0 && memmem(text, length, words, 6 + strlen(name))) {
        closedir(proc);
        return atoi(entry->d_name);
      }
    }
    closedir(proc);
    usleep(10000);
  }
  return -1;
}

// Signals a process outside, itself, its child and its parent.
static int signals(const char *outside) {
  int pid = waiting(outside);
  outcome("is it there", kill(pid, 0) == 0);
  outcome("signal outside", kill(pid, SIGTERM) == 0);
  outcome("signal to itself", kill(getpid(), 0) == 0);
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  outcome("signal to a child", kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
  return outcome("signal to the parent", getppid() == 0 || kill(getppid(), 0) == 0);
}

// Asks a device for something harmless, once it is open.
static int controls(const char *device) {
  int count, fd = open(device, O_RDONLY);
  outcome("open", fd >= 0);
  return outcome("ioctl", ioctl(fd, RNDGETENTCNT, &count) == 0);
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IONBF, 0);
  const char *mode = count > 2 ? arguments[1] : "";
  if (!strcmp(mode, "bind") && count > 3) return binds(atoi(arguments[2]), atoi(arguments[3]));
  if (!strcmp(mode, "connect") && count > 3) return reaches(atoi(arguments[2]), atoi(arguments[3]));
  if (!strcmp(mode, "signal")) return signals(arguments[2]);
  if (!strcmp(mode, "ioctl")) return controls(arguments[2]);
  if (!strcmp(mode, "wait")) return pause();
  fprintf(stderr, "unknown mode %s\n", mode);
  return 2;
}
