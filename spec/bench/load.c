/* SPDX-License-Identifier: Apache-2.0
 * Asks one path of a server again and again over a number of kept connections, which begin one
 * after the other, and prints how long the answers took: `load PORT PATH CONNECTIONS SECONDS
 * PAUSE_MS STAGGER_MS [REQUEST]` → "count failed p50 p99 max", times in ms. REQUEST is a whole
 * request in place of a GET; @@@@@@@@ in it is another number each time. Knows of HTTP only what
 * nginx and HAProxy say here. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ANSWERS = 1000000, MOST_CONNECTIONS = 1000, ROOM = 4096 };

typedef struct connection {
  char answer[ROOM];
  size_t have;
  double due;   /* when to ask next; 0 while an answer is awaited */
  double asked; /* when it last asked */
} connection;

static connection connections[MOST_CONNECTIONS];
static struct pollfd descriptors[MOST_CONNECTIONS];
static double took[MOST_ANSWERS];
static size_t answers, failures;
static char request[1024];
static char *number; /* where the request's number stands, or NULL */
static unsigned requests;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void connect_to(struct pollfd *entry, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  int on = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  entry->fd = socket(AF_INET, SOCK_STREAM, 0);
  entry->events = POLLIN;
  setsockopt(entry->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(entry->fd, (struct sockaddr *)&address, sizeof address) != 0) exit(1);
}

static int is_whole(connection *one) {
  const char *head_end = strstr(one->answer, "\r\n\r\n");
  if (head_end == NULL) return 0;
  const char *length = strstr(one->answer, "ontent-");
  while (length != NULL && strncmp(length, "ontent-", 7) == 0 && length[7] != 'L' &&
         length[7] != 'l')
    length = strstr(length + 1, "ontent-");
  if (length == NULL || length > head_end) return strstr(head_end, "\r\n0\r\n\r\n") != NULL;
  size_t wanted = (size_t)atol(strchr(length, ':') + 1);
  return one->have >= (size_t)(head_end + 4 - one->answer) + wanted;
}

static void take(int i, double pause) {
  connection *one = &connections[i];
  ssize_t got = recv(descriptors[i].fd, one->answer + one->have, ROOM - 1 - one->have, 0);
  if (got > 0) one->have += (size_t)got;
  one->answer[one->have] = '\0';
  if (got > 0 && !is_whole(one)) return;
  double time = now();
  if (got <= 0 || one->answer[9] != '2')
    failures++;
  else if (answers < MOST_ANSWERS)
    took[answers++] = time - one->asked;
  one->due = got > 0 ? time + pause : 1e300;
  if (got <= 0) descriptors[i].fd = -1;
}

static void ask(int i) {
  char digits[9];
  snprintf(digits, sizeof digits, "%08u", requests++ % 100000000u);
  if (number != NULL) memcpy(number, digits, 8);
  connections[i].have = 0;
  connections[i].due = 0;
  connections[i].asked = now();
  if (send(descriptors[i].fd, request, strlen(request), MSG_NOSIGNAL) < 0) failures++;
}

/* Asks wherever it is time to; returns how many ms until the next time. */
static int ask_due(int count, double end) {
  double next = now() + 100;
  for (int i = 0; i < count; i++) {
    connection *one = &connections[i];
    if (one->due > 0 && one->due <= now() && one->due < end) ask(i);
    if (one->due > 0 && one->due < next) next = one->due;
  }
  double wait = next - now();
  return wait > 0 ? (int)wait + 1 : 0;
}

static int is_waiting(int count) {
  for (int i = 0; i < count; i++)
    if (connections[i].due == 0 && descriptors[i].fd >= 0) return 1;
  return 0;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc < 7 || argc > 8 || atoi(argv[3]) > MOST_CONNECTIONS) return 2;
  int count = atoi(argv[3]);
  double pause = atof(argv[5]), stagger = atof(argv[6]), start = now(),
         end = start + atof(argv[4]) * 1e3;
  if (argc == 8)
    snprintf(request, sizeof request, "%s", argv[7]);
  else
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[2]);
  number = strstr(request, "@@@@@@@@");
  for (int i = 0; i < count; i++) {
    connect_to(&descriptors[i], atoi(argv[1]));
    connections[i].due = start + stagger * i;
  }
  while (now() < end || is_waiting(count)) {
    int wait = ask_due(count, end);
    if (poll(descriptors, (nfds_t)count, wait) <= 0) continue;
    for (int i = 0; i < count; i++)
      if (descriptors[i].revents != 0) take(i, pause);
    if (now() > end + 20000) break;
  }
  qsort(took, answers, sizeof took[0], compare);
  if (answers == 0) took[0] = 0.0 / 0.0;
  printf("%zu %zu %.3f %.3f %.3f\n", answers, failures, took[answers / 2], took[answers * 99 / 100],
         took[answers > 0 ? answers - 1 : 0]);
  return 0;
}
