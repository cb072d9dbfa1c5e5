/* SPDX-License-Identifier: Apache-2.0
 * The server: one process for each connection, keep-alive, one fixed answer for each path. */
#define _GNU_SOURCE
#include "stub.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 64 * 1024, LARGE = 100000 };

static const char *answer_body(const char *request) {
  static char large[LARGE + 1];
  if (strstr(request, "/large ") != NULL) {
    memset(large, ' ', LARGE);
    return large;
  }
  if (strstr(request, "/token ") != NULL) return "{\"access_token\":\"abc\",\"expires_in\":3600}";
  if (strstr(request, "/sessions ") != NULL) return "{\"items\":[{\"id\":1,\"nonce\":\"n\"}]}";
  if (strstr(request, "/run ") != NULL)
    return "{\"id\":\"059edaa4-a17a-4102-910e-2c3591500cce\",\"workflowExternalId\":\"wf\","
           "\"status\":\"RUNNING\",\"createdTime\":1}";
  if (strstr(request, "/refused ") != NULL)
    return "{\"error\":{\"code\":400,\"message\":\"no\",\"missing\":[{\"id\":1}]}}";
  return "{\"items\":[{\"a\":[]},{\"b\":[1,2.5,\"x\",null]}]}";
}

static bool send_all(int connection, const char *data, size_t length) {
  while (length > 0) {
    ssize_t sent = send(connection, data, length, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    length -= (size_t)sent;
  }
  return true;
}

static bool answer(int connection, const char *request) {
  char head[256];
  const char *body = answer_body(request);
  int status = strstr(request, "/refused ") != NULL ? 400 : 200;
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nx-request-id: r\r\n"
                        "Content-Length: %lu\r\n\r\n",
                        status, (unsigned long)strlen(body));
  return send_all(connection, head, (size_t)length) && send_all(connection, body, strlen(body));
}

/* Length of the whole request in `text`, or 0 when more must come. */
static size_t request_length(const char *text, size_t have) {
  const char *end = strstr(text, "\r\n\r\n");
  if (end == NULL) return 0;
  size_t length = (size_t)(end - text) + 4;
  for (const char *line = text; line < end; line = strstr(line, "\r\n") + 2)
    if (strncasecmp(line, "content-length:", 15) == 0) length += (size_t)atol(line + 15);
  return length <= have ? length : 0;
}

static void serve(int connection) {
  static char text[ROOM + 1];
  size_t have = 0;
  for (;;) {
    ssize_t got = recv(connection, text + have, ROOM - have, 0);
    if (got <= 0) return;
    have += (size_t)got;
    text[have] = '\0';
    size_t length;
    while ((length = request_length(text, have)) > 0) {
      if (!answer(connection, text)) return;
      have -= length;
      memmove(text, text + length, have + 1);
    }
  }
}

static void accept_for_ever(int listener) {
  int one = 1;
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fork() == 0) {
      close(listener);
      serve(connection);
      _exit(0);
    }
    close(connection);
  }
}

pid_t stub_start(int *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &size) != 0)
    return -1;
  *port = ntohs(address.sin_port);
  pid_t process = fork();
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* also when the tortured process crashes */
    signal(SIGCHLD, SIG_IGN);         /* nobody waits for those who serve */
    accept_for_ever(listener);
  }
  close(listener);
  return process;
}

void stub_stop(pid_t process) {
  kill(process, SIGTERM);
  waitpid(process, NULL, 0);
}
