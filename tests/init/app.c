// The app of the tests of `run`: does what an app may do as the child of a first process, and what an intruder tries.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(99);
}

// The C library leaves the signals that it uses itself out of a set; the kernel does not.
static void block_all(void) {
  unsigned long long all = ~0ULL;
  if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 8)) die("rt_sigprocmask");
}

static int next_signal(void) {
  unsigned long long all = ~0ULL;
  int signal;
  do signal = syscall(SYS_rt_sigtimedwait, &all, NULL, NULL, 8);
  while (signal < 0 && errno == EINTR);
  return signal;
}

// Prints the number of every signal until SIGTERM comes.
static int signals(const char *name) {
  block_all();
  dprintf(1, "%sready\n", name);
  for (;;) {
    int signal = next_signal();
    dprintf(1, "%s%d\n", name, signal);
    if (signal == SIGTERM) return 0;
  }
}

// Children of whoever started this one: those in state Z, and others but this one.
static void count(int *zombies, int *others) {
  DIR *proc = opendir("/proc");
  struct dirent *entry;
  *zombies = *others = 0;
  while ((entry = readdir(proc))) {
    int pid = atoi(entry->d_name);
    if (pid <= 0 || pid == getpid()) continue;
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    if (fd < 0) continue;
    if (read(fd, text, sizeof text - 1) > 0) {
      char *end = strrchr(text, ')');
      if (end && atoi(end + 4) == getppid()) ++*(end[2] == 'Z' ? zombies : others);
    }
    close(fd);
  }
  closedir(proc);
}

// Makes `total` orphans, a hundred at a time: each waits until its parent is gone, and then ends, all at once.
static int orphans(int total) {
  pid_t init = getppid();
  int *adopted = mmap(NULL, sizeof *adopted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (adopted == MAP_FAILED) die("mmap");
  for (int done = 0; done < total; done += 100) {
    int ends[2];
    if (pipe(ends)) die("pipe");
    pid_t parent = fork();
    if (parent < 0) die("fork");
    if (parent == 0) {
      for (int i = 0; i < 100; i++) {
        pid_t child = fork();
        if (child < 0) die("fork");
        if (child == 0) {
          char byte;
          close(ends[1]);
          int left = read(ends[0], &byte, 1);
          if (getppid() == init) __atomic_fetch_add(adopted, 1, __ATOMIC_SEQ_CST);
          _exit(left != 0);
        }
      }
      _exit(0);
    }
    int status;
    if (waitpid(parent, &status, 0) != parent || status) return 98;
    close(ends[1]);
    close(ends[0]);
  }
  int zombies = 0, others = 0;
  for (int i = 0; i < 1200; i++) {
    count(&zombies, &others);
    if (!zombies && !others) break;
    usleep(50000);
  }
  printf("adopted %d zombies %d others %d\n", *adopted, zombies, others);
  return *adopted != total || zombies || others;
}

// What a program can see of how it was started.
static int state(void) {
  char line[256];
  FILE *status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status))
    if (!strncmp(line, "SigBlk", 6) || !strncmp(line, "SigIgn", 6) || !strncmp(line, "SigCgt", 6) ||
        !strncmp(line, "Uid", 3) || !strncmp(line, "Gid", 3) || !strncmp(line, "Groups", 6) ||
        !strncmp(line, "Cap", 3) || !strncmp(line, "NoNewPrivs", 10))
      fputs(line, stdout);
  fclose(status);
  printf("descriptors:");
  for (int fd = 3; fd < 256; fd++)
    if (fcntl(fd, F_GETFD) >= 0) printf(" %d", fd);
  char cwd[512] = "";
  printf("\ncwd: %s\n", getcwd(cwd, sizeof cwd) ? cwd : "?");
  printf("own group: %s\n", getpgrp() == getpid() ? "yes" : "no");
  printf("foreground: %s\n", tcgetpgrp(0) == getpgrp() ? "yes" : "no");
  const char *pid = getenv("LISTEN_PID");
  printf("listen pid: %s\n", !pid ? "none" : atoi(pid) == getpid() ? "mine" : "another's");
  pid = getenv("WATCHDOG_PID");
  printf("watchdog pid: %s\n", !pid ? "none" : atoi(pid) == getpid() ? "mine" : "another's");
  printf("home: %s\n", getenv("HOME") ? getenv("HOME") : "none");
  printf("setid: %s\n", setuid(0) == 0 ? "root" : "refused");
  return 0;
}

// The working directory of whoever started it, once that has changed it to /, or after some milliseconds.
static int parent(int patience) {
  char path[64], cwd[512] = "?";
  ssize_t length = 1;
  snprintf(path, sizeof path, "/proc/%d/cwd", getppid());
  for (int i = 0; i <= patience / 10; i++) {
    length = readlink(path, cwd, sizeof cwd - 1);
    if (length <= 1) break;
    usleep(10000);
  }
  printf("parent's cwd: %.*s\n", length > 0 ? (int)length : 1, cwd);
  return 0;
}

static int outcome(const char *what, int worked) {
  printf("%s: %s\n", what, worked ? "worked" : strerror(errno));
  return 0;
}

// Runs a program with `-c "exit 0"`; whether it ran.
static int runs(char **arguments) {
  pid_t child = fork();
  if (child == 0) {
    execv(arguments[0], arguments);
    _exit(errno == 0 ? 111 : errno);
  }
  int status;
  waitpid(child, &status, 0);
  errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
  return status == 0;
}

static int copy_to(const char *from, int out) {
  int in = open(from, O_RDONLY);
  if (in < 0) return -1;
  char buffer[65536];
  ssize_t length;
  while ((length = read(in, buffer, sizeof buffer)) > 0)
    if (write(out, buffer, length) != length) return -1;
  close(in);
  return length < 0 ? -1 : 0;
}

// Every way to a shell: SHELL as it is, through LOADER, as a copy in DIRECTORY, and as a copy in memory.
static int attack(char *shell, char *loader, char *directory) {
  char copy[512];
  char *plain[] = {shell, "-c", "exit 0", NULL}, *loaded[] = {loader, shell, "-c", "exit 0", NULL};
  char *copied[] = {copy, "-c", "exit 0", NULL}, *both[] = {loader, copy, "-c", "exit 0", NULL};
  outcome("exec", runs(plain));
  outcome("loader", runs(loaded));
  outcome("system", system("exit 0") == 0);
  snprintf(copy, sizeof copy, "%s/copy", directory);
  unlink(copy);
  int out = open(copy, O_WRONLY | O_CREAT | O_EXCL, 0755);
  int written = out >= 0 && copy_to(shell, out) == 0;
  if (out >= 0) close(out);
  outcome("copy", written && runs(copied));
  outcome("loaded copy", written && runs(both));
  int memory = memfd_create("x", 0);
  snprintf(copy, sizeof copy, "/proc/self/fd/%d", memory);
  outcome("memory", memory >= 0 && copy_to(shell, memory) == 0 && runs(copied));
  return 0;
}

// Tries to write PATH, and to write a program of its own there and run it.
static int writes(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT, 0755);
  outcome("write", fd >= 0);
  int copied = fd >= 0 && copy_to("/proc/self/exe", fd) == 0;
  if (fd >= 0) close(fd);
  char *arguments[] = {(char *)path, "exit", "0", NULL};
  outcome("run what was written", copied && runs(arguments));
  return 0;
}

// What an intruder brings along: PROGRAM copied into DIRECTORY, and every way to start that which is no execve(2) of it.
static int brought(char *program, char *loader, char *directory, char *interpreter) {
  char copy[512], script[512];
  snprintf(copy, sizeof copy, "%s/brought", directory);
  snprintf(script, sizeof script, "%s/script", directory);
  char *plain[] = {copy, NULL}, *loaded[] = {loader, copy, NULL}, *interpreted[] = {interpreter, script, NULL};
  int out = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (out < 0 || copy_to(program, out)) die("copy");
  close(out);
  out = open(script, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (out < 0 || write(out, "exit 0;\n", 8) != 8) die("script");
  close(out);
  outcome("execve of what was written", runs(plain));
  outcome("ld.so with what was written", runs(loaded));
  outcome("a script for an interpreter", runs(interpreted));
  int memory = memfd_create("x", 0);
  char *environment[] = {NULL};
  if (memory < 0 || copy_to(program, memory)) die("memfd_create");
  pid_t child = fork();
  if (child == 0) {
    fexecve(memory, plain, environment);
    _exit(errno);
  }
  int status;
  waitpid(child, &status, 0);
  errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
  outcome("fexecve of memory", status == 0);
  int mapped = open(copy, O_RDONLY);
  outcome("code mapped from what was written", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, mapped, 0) != MAP_FAILED);
  void *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  outcome("code of its own", own != MAP_FAILED && mprotect(own, 4096, PROT_READ | PROT_EXEC) == 0);
  return 0;
}

// An abstract socket: waits for one connection, or connects as soon as there is one.
static int abstract(const char *name, int listens) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  socklen_t length = sizeof(sa_family_t) + 1 + strlen(name);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (listens) {
    if (bind(fd, (void *)&address, length) || listen(fd, 1)) die("listen");
    return outcome("accept", accept(fd, NULL, NULL) >= 0);
  }
  int result = -1;
  for (int i = 0; i < 6000 && (result = connect(fd, (void *)&address, length)) && errno == ECONNREFUSED; i++) usleep(10000);
  return outcome("abstract socket", result == 0);
}

// Ends at once with CODE and leaves two processes behind, one of them in a session of its own. Each prints its signals
// until SIGTERM; a stubborn one goes on after that.
static int leaves(int code, int stubborn) {
  int ends[2];
  if (pipe(ends)) die("pipe");
  for (int i = 0; i < 2; i++) {
    if (fork()) continue;
    close(ends[0]);
    if (i && setsid() < 0) die("setsid");
    block_all();
    close(ends[1]);
    do signals(i ? "other " : "member ");
    while (stubborn);
    _exit(0);
  }
  char byte;
  close(ends[1]);
  // Both are ready when nobody can write any more.
  if (read(ends[0], &byte, 1)) die("read");
  return code;
}

static void *pauses(void *nothing) {
  for (;;) pause();
  return nothing;
}

int main(int count_of, char **arguments) {
  const char *mode = count_of > 1 ? arguments[1] : "";
  const char *value = count_of > 2 ? arguments[2] : "";
  setvbuf(stdout, NULL, _IONBF, 0);
  if (!strcmp(mode, "exit")) return atoi(value);
  if (!strcmp(mode, "die")) {
    raise(atoi(value));
    return 97;
  }
  if (!strcmp(mode, "signals")) return signals("");
  if (!strcmp(mode, "orphans")) return orphans(atoi(value));
  if (!strcmp(mode, "state")) return state();
  if (!strcmp(mode, "parent")) return parent(*value ? atoi(value) : 60000);
  if (!strcmp(mode, "group")) {
    // A child in the same group.
    pid_t child = fork();
    if (child == 0) return signals("child ");
    int code = signals("");
    waitpid(child, NULL, 0);
    return code;
  }
  if (!strcmp(mode, "last thread")) {
    // Goes on in a second thread, when the first has ended.
    pthread_t thread;
    if (pthread_create(&thread, NULL, pauses, NULL)) die("pthread_create");
    syscall(SYS_exit, 0);
  }
  if (!strcmp(mode, "leave") || !strcmp(mode, "leave stubborn")) return leaves(atoi(value), mode[5] != 0);
  if (!strcmp(mode, "stop")) {
    raise(SIGSTOP);
    puts("continued");
    return 5;
  }
  if (!strcmp(mode, "stubborn")) {
    // Forks, ignores SIGTERM, and ends only when it is told to by SIGUSR1.
    signal(SIGTERM, SIG_IGN);
    block_all();
    if (fork() == 0) {
      pause();
      _exit(0);
    }
    puts("ready");
    for (;;)
      if (next_signal() == SIGUSR1) return 6;
  }
  if (!strcmp(mode, "attack") && count_of > 4) return attack(arguments[2], arguments[3], arguments[4]);
  if (!strcmp(mode, "brought") && count_of > 5) return brought(arguments[2], arguments[3], arguments[4], arguments[5]);
  if (!strcmp(mode, "listen") || !strcmp(mode, "connect")) return abstract(value, *mode == 'l');
  if (!strcmp(mode, "write")) return writes(value);
  if (!strcmp(mode, "truncate")) return outcome("truncate", truncate(value, 0) == 0);
  if (!strcmp(mode, "run")) return outcome("run", runs(arguments + 2));
  fprintf(stderr, "unknown mode %s\n", mode);
  return 2;
}
