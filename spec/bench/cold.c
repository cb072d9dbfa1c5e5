/* SPDX-License-Identifier: Apache-2.0
 * What `cold.lua` is measured against: the first run of a process in plain C over one libcurl multi
 * handle, the shortest way there is by hand. While the token is asked for, a HEAD request to CDF
 * makes the connection that the session and the run then take. `cold BASE_URL TOKEN_URL CA_FILE` →
 * seconds. */
#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROOM = 4096 };

typedef struct answer {
  size_t have;
  char text[ROOM];
} answer;

static const char *ca_file;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t take(char *data, size_t size, size_t count, void *user) {
  answer *to = user;
  if (to->have + size * count >= ROOM) return 0;
  memcpy(to->text + to->have, data, size * count);
  to->have += size * count;
  to->text[to->have] = '\0';
  return size * count;
}

static CURL *ask(CURLM *multi, const char *base, const char *path, answer *to) {
  char url[512];
  CURL *easy = curl_easy_init();
  snprintf(url, sizeof url, "%s%s", base, path);
  to->have = 0;
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, to);
  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_multi_add_handle(multi, easy);
  return easy;
}

static CURL *post(CURLM *multi, const char *base, const char *path, struct curl_slist *headers,
                  const char *body, answer *to) {
  CURL *easy = ask(multi, base, path, to);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
  return easy;
}

/* Moves all transfers until this one is over, whatever becomes of others. */
static void finish(CURLM *multi, const CURL *easy) {
  for (int running, queued;;) {
    CURLMsg *message;
    curl_multi_perform(multi, &running);
    while ((message = curl_multi_info_read(multi, &queued)) != NULL) {
      if (message->msg != CURLMSG_DONE || message->easy_handle != easy) continue;
      if (message->data.result == CURLE_OK) return;
      fprintf(stderr, "%s\n", curl_easy_strerror(message->data.result));
      exit(1);
    }
    curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
}

/* The text after `name":"`, cut off at its end. */
static const char *member(answer *in, const char *name) {
  char *found = strstr(in->text, name);
  char *begin = found != NULL ? found + strlen(name) + 3 : NULL;
  char *end = begin != NULL ? strchr(begin, '"') : NULL;
  if (end == NULL) exit(1);
  *end = '\0';
  return begin;
}

int main(int argc, char **argv) {
  static answer token, nothing, session, run;
  char text[ROOM];
  if (argc != 4) return 2;
  double begun = now();
  ca_file = argv[3];
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM *multi = curl_multi_init();
  CURL *first = post(multi, argv[2], "", NULL,
                     "grant_type=client_credentials&client_id=id&client_secret=secret", &token);
  curl_easy_setopt(ask(multi, argv[1], "/", &nothing), CURLOPT_NOBODY, 1L);
  finish(multi, first);
  snprintf(text, sizeof text, "Authorization: Bearer %s", member(&token, "access_token"));
  struct curl_slist *headers = curl_slist_append(NULL, text);
  curl_slist_append(headers, "Content-Type: application/json");
  finish(multi, post(multi, argv[1], "/api/v1/projects/p/sessions", headers,
                     "{\"items\":[{\"tokenExchange\":true}]}", &session));
  snprintf(text, sizeof text, "{\"authentication\":{\"nonce\":\"%s\"},\"input\":{\"a\":1}}",
           member(&session, "nonce"));
  finish(multi, post(multi, argv[1], "/api/v1/projects/p/workflows/foo/versions/1/run", headers,
                     text, &run));
  if (strstr(run.text, "\"RUNNING\"") == NULL) return 1;
  printf("%.6f\n", now() - begun);
  return 0;
}
