/* SPDX-License-Identifier: Apache-2.0
 * `far DELAY PORT...`: makes servers on loopback as far away as DELAY seconds each way. Prints the
 * port of its own for each of theirs, and passes bytes on from there. Making a connection takes a
 * round trip too: on loopback it takes none, so what is said first comes that much later. In C,
 * since what is to be measured are milliseconds. */
#define _GNU_SOURCE /* ppoll */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SERVERS = 8, MOST_WAYS = 2048, ROOM = 65536, LIFETIME = 120 };

typedef struct piece {
  struct piece *next;
  double due;
  ssize_t length; /* 0: the end */
  char data[];
} piece;

typedef struct way { /* one of the two of a connection */
  int from, to;      /* from: -1 after its end */
  double connected;  /* nothing sets off before */
  piece *first, *last;
} way;

static way ways[MOST_WAYS];
static struct pollfd looked_at[MOST_SERVERS + MOST_WAYS];
static int listening[MOST_SERVERS], servers[MOST_SERVERS];
static int way_count, server_count;
static double delay;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct sockaddr_in on_loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int listen_somewhere(void) {
  struct sockaddr_in address = on_loopback(0);
  socklen_t length = sizeof address;
  int one = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(one, (struct sockaddr *)&address, length) != 0 || listen(one, 128) != 0) fail("listen");
  getsockname(one, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  return one;
}

static void add_way(int from, int to, double connected) {
  if (way_count == MOST_WAYS) fail("too many connections");
  ways[way_count++] = (way){.from = from, .to = to, .connected = connected};
}

static void take_in(int server) {
  int on = 1, client = accept(listening[server], NULL, NULL);
  int other = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = on_loopback(servers[server]);
  if (client < 0 || connect(other, (struct sockaddr *)&address, sizeof address) != 0)
    fail("connect");
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(other, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  add_way(client, other, now() + 2 * delay);
  add_way(other, client, 0);
}

static void take_piece(way *one) {
  static char data[ROOM];
  ssize_t length = recv(one->from, data, sizeof data, 0);
  if (length < 0) length = 0;
  piece *made = malloc(sizeof *made + (size_t)length);
  if (made == NULL) fail("malloc");
  double sets_off = now();
  if (sets_off < one->connected) sets_off = one->connected;
  *made = (piece){.due = sets_off + delay, .length = length};
  memcpy(made->data, data, (size_t)length);
  if (one->first == NULL)
    one->first = made;
  else
    one->last->next = made;
  one->last = made;
  if (length == 0) one->from = -1;
}

/* Passes on what has arrived. Returns when the next will. */
static double pass_on(way *one) {
  while (one->first != NULL && one->first->due <= now()) {
    piece *first = one->first;
    if (first->length == 0)
      shutdown(one->to, SHUT_WR);
    else
      send(one->to, first->data, (size_t)first->length, MSG_NOSIGNAL);
    one->first = first->next;
    free(first);
  }
  return one->first != NULL ? one->first->due : 1e300;
}

static void look(double until) {
  double wait = until - now();
  struct timespec time = {1, 0};
  if (wait < 0) wait = 0;
  if (wait < 1) time = (struct timespec){0, (long)(wait * 1e9)};
  for (int i = 0; i < server_count; i++)
    looked_at[i] = (struct pollfd){.fd = listening[i], .events = POLLIN};
  for (int i = 0; i < way_count; i++)
    looked_at[server_count + i] = (struct pollfd){.fd = ways[i].from, .events = POLLIN};
  int ways_then = way_count;
  if (ppoll(looked_at, (nfds_t)(server_count + ways_then), &time, NULL) <= 0) return;
  for (int i = 0; i < ways_then; i++)
    if (looked_at[server_count + i].revents != 0) take_piece(&ways[i]);
  for (int i = 0; i < server_count; i++)
    if (looked_at[i].revents != 0) take_in(i);
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 2 + MOST_SERVERS) return 2;
  prctl(PR_SET_TIMERSLACK, 1);
  alarm(LIFETIME); /* who started it ends it sooner */
  delay = atof(argv[1]);
  for (; server_count < argc - 2; server_count++) {
    servers[server_count] = atoi(argv[2 + server_count]);
    listening[server_count] = listen_somewhere();
  }
  fflush(stdout);
  for (;;) {
    double next = 1e300;
    for (int i = 0; i < way_count; i++) {
      double due = pass_on(&ways[i]);
      if (due < next) next = due;
    }
    look(next);
  }
}
