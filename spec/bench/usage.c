/* SPDX-License-Identifier: Apache-2.0
 * CPU and memory of a command: `usage TIMES COMMAND...` prints the least milliseconds of CPU and
 * the KiB of its peak. (A child's peak begins at its parent's size, so the parent must be small.)
 */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double milliseconds(struct timeval time) {
  return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

static void become(char **command) {
  int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, 1);
  execvp(command[0], command);
  _exit(127);
}

int main(int count, char **words) {
  double least = 1e9;
  long peak = 0;
  if (count < 3) return 2;
  for (int i = 0; i < atoi(words[1]); i++) {
    int status;
    struct rusage usage;
    pid_t child = fork();
    if (child == 0) become(words + 2);
    if (wait4(child, &status, 0, &usage) != child || status != 0) return 1;
    double cpu = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
    if (cpu < least) least = cpu;
    if (usage.ru_maxrss > peak) peak = usage.ru_maxrss;
  }
  printf("%.2f %ld\n", least, peak);
  return 0;
}
