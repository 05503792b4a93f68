// What `learn` must follow: threads that execute, vfork, daemons, stops, many processes.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char **command;

static void *execute(void *unused)
{
  (void)unused;
  execv(command[0], command);
  _exit(99);
}

static void *wait_and_execute(void *unused)
{
  usleep(100000);
  return execute(unused);
}

static void *idle(void *unused)
{
  for (;;)
    pause();
  return unused;
}

static int thread(void *(*start)(void *))
{
  pthread_t id;
  return pthread_create(&id, NULL, start, NULL);
}

// The thread executes while others run; the first waits.
static int thread_executes(void)
{
  thread(idle);
  thread(execute);
  for (;;)
    pause();
  return 0;
}

// The first thread is gone when another one executes.
static int first_thread_ends(void)
{
  thread(wait_and_execute);
  pthread_exit(NULL);
  return 0;
}

static int vfork_executes(void)
{
  int status;
  pid_t child = vfork();
  if (child == 0) {
    execv(command[0], command);
    _exit(99);
  }
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

// The parent of a vfork cannot stop until its child lets it go on.
static int slow_vfork(int seconds)
{
  pid_t child = vfork();
  if (child == 0) {
    sleep(seconds);
    _exit(0);
  }
  return child > 0 ? 42 : 98;
}

// A daemon's two forks; the second child executes when both parents are gone, and says so through the pipe.
static int daemon_executes(void)
{
  char byte;
  int ends[2];
  if (pipe(ends))
    return 97;
  if (fork() == 0) {
    setsid();
    if (fork() == 0) {
      usleep(50000);
      execv(command[0], command);
    }
    _exit(0);
  }
  while (wait(NULL) > 0)
    ;
  close(ends[1]);
  // The end of the file comes when the daemon has ended.
  while (read(ends[0], &byte, 1) > 0)
    ;
  return 0;
}

// What a shell sees of its job: each stop and continuation, once.
static int stops(void)
{
  int status, ends[2];
  char byte = 0;
  if (pipe(ends))
    return 97;
  pid_t child = fork();
  if (child == 0) {
    // Another stop would hide that it was continued, so each waits until that was seen.
    for (int count = 0; count < 3; count++)
      if (read(ends[0], &byte, 1) == 1)
        raise(count == 1 ? SIGTSTP : SIGSTOP);
    // Nor may its end hide it.
    if (read(ends[0], &byte, 1) == 1)
      _exit(7);
  }
  for (int count = 0; count < 3; count++) {
    if (write(ends[1], &byte, 1) != 1)
      return 60;
    if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status))
      return 90 + count;
    printf("stopped %d\n", WSTOPSIG(status));
    kill(child, SIGCONT);
    if (waitpid(child, &status, WCONTINUED) != child || !WIFCONTINUED(status))
      return 80 + count;
    printf("continued\n");
  }
  fflush(stdout);
  if (write(ends[1], &byte, 1) != 1)
    return 60;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 70;
}

// So many processes at once; says `ready`, and ends all when it gets a line, or leaves them behind.
static int many(int count, int leaves)
{
  int ends[2];
  char byte;
  if (pipe(ends))
    return 97;
  for (int number = 0; number < count; number++) {
    pid_t child = fork();
    if (child < 0)
      return 96;
    if (child == 0) {
      // The end of the file comes when nobody can write any more.
      if (!leaves)
        close(ends[1]);
      while (read(ends[0], &byte, 1) > 0)
        ;
      _exit(0);
    }
  }
  printf("ready\n");
  fflush(stdout);
  if (read(0, &byte, 1) != 1)
    return 95;
  if (leaves)
    return 3;
  close(ends[1]);
  while (wait(NULL) > 0)
    ;
  return 0;
}

// Children are killed at any moment of their starts.
static int killed(int count)
{
  for (int number = 0; number < count; number++) {
    pid_t child = fork();
    if (child == 0) {
      pid_t other = fork();
      if (other == 0)
        execv(command[0], command);
      kill(other, SIGKILL);
      _exit(0);
    }
    if (number % 3)
      usleep((unsigned)(number % 7) * 100);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  return 0;
}

// Parents are killed while they fork, and children end as soon as they run, beside one that forks without end. Returns
// when all that were made have run.
static int orphaned(int count)
{
  int ends[2];
  char byte;
  if (pipe(ends))
    return 97;
  // Whoever never runs does not end.
  alarm(60);
  pid_t ticker = fork();
  if (ticker == 0) {
    close(ends[1]);
    for (;;) {
      if (fork() == 0)
        _exit(0);
      wait(NULL);
      usleep(1000);
    }
  }
  for (int number = 0; number < count; number++) {
    pid_t child = fork();
    if (child == 0) {
      fork();
      _exit(0);
    }
    usleep((unsigned)(number % 40) * 10);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  close(ends[1]);
  while (read(ends[0], &byte, 1) > 0)
    ;
  kill(ticker, SIGKILL);
  return 0;
}

// Prints each signal until SIGTERM comes, beside so many processes. Forks at SIGUSR2.
static int crowd(int count)
{
  sigset_t all;
  int signal;
  sigfillset(&all);
  sigdelset(&all, SIGCHLD);
  sigprocmask(SIG_BLOCK, &all, NULL);
  for (int number = 0; number < count; number++)
    if (fork() == 0)
      for (;;)
        pause();
  printf("ready\n");
  fflush(stdout);
  do {
    sigwait(&all, &signal);
    printf("%d\n", signal);
    fflush(stdout);
    // It forks, and goes on when whoever traces it lets it.
    if (signal == SIGUSR2 && fork() == 0)
      _exit(0);
  } while (signal != SIGTERM);
  return 0;
}

int main(int argc, char **argv)
{
  const char *mode = argc > 1 ? argv[1] : "";
  command = argv + 2;
  if (!strcmp(mode, "thread"))
    return thread_executes();
  if (!strcmp(mode, "first-thread-ends"))
    return first_thread_ends();
  if (!strcmp(mode, "vfork"))
    return vfork_executes();
  if (!strcmp(mode, "daemon"))
    return daemon_executes();
  if (!strcmp(mode, "stops"))
    return stops();
  // It deletes itself while it runs.
  if (!strcmp(mode, "gone"))
    return unlink(argv[0]);
  if (!strcmp(mode, "many"))
    return many(atoi(argv[2]), argc > 3);
  if (!strcmp(mode, "orphaned"))
    return orphaned(atoi(argv[2]));
  if (!strcmp(mode, "crowd"))
    return crowd(atoi(argv[2]));
  if (!strcmp(mode, "slow-vfork"))
    return slow_vfork(atoi(argv[2]));
  command = argv + 3;
  if (!strcmp(mode, "killed"))
    return killed(atoi(argv[2]));
  return 2;
}
