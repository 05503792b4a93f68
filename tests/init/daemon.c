// A daemon that starts as root and becomes another user by itself, as memcached -u does: nobody may look into it then.
//   NAME          as it was called
//   NAME title    calls itself otherwise
//   NAME headless goes on without its first thread
//   NAME worker   goes on as a child whose first process stays root
#define _GNU_SOURCE
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *rest(void *nothing) {
  (void)nothing;
  printf("ready\n");
  fflush(stdout);
  for (;;) pause();
  return NULL;
}

int main(int count, char **arguments) {
  const char *how = count > 1 ? arguments[1] : "";
  if (!strcmp(how, "worker") && fork())
    for (;;) pause();
  if (setgroups(0, NULL) || setgid(33) || setuid(33)) {
    perror("setuid");
    return 1;
  }
  if (!strcmp(how, "title")) {
    prctl(PR_SET_NAME, "quiet");
    memset(arguments[0], 'q', strlen(arguments[0]));
  }
  if (!strcmp(how, "headless")) {
    pthread_t thread;
    pthread_create(&thread, NULL, rest, NULL);
    pthread_exit(NULL);
  }
  rest(NULL);
  return 1;
}
