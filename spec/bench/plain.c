/* SPDX-License-Identifier: Apache-2.0
 * The yardstick of the bench: the two requests of one run, made by plain C with one libcurl easy
 * handle on a kept connection. Prints CPU and wall seconds for all runs. */
#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct answer {
  char data[65536];
  size_t length;
} answer;

static const char session_body[] = "{\"items\":[{\"tokenExchange\":true}]}";
static const char run_body[] =
    "{\"authentication\":{\"nonce\":\"0123456789abcdef\"},"
    "\"input\":{\"a\":1,\"b\":2}}";

static double read_clock(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t on_body(char *data, size_t size, size_t count, void *user) {
  answer *to = user;
  size_t length = size * count;
  if (length > sizeof to->data - to->length) return 0;
  memcpy(to->data + to->length, data, length);
  to->length += length;
  return length;
}

static void post(CURL *easy, const char *url, const char *body, answer *to, long expected) {
  long status = 0;
  to->length = 0;
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  CURLcode code = curl_easy_perform(easy);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_OK && status == expected) return;
  fprintf(stderr, "plain: %s, status %ld\n", curl_easy_strerror(code), status);
  exit(1);
}

static struct curl_slist *make_headers(const char *token) {
  static const char *const fixed[] = {"User-Agent: cdfworkflow/bench (plain C)",
                                      "Content-Type: application/json",
                                      "Accept: application/json",
                                      "cdf-version: 20230101",
                                      "x-cdp-app: cdfworkflow",
                                      "x-cdp-sdk: cdfworkflow:bench",
                                      "Expect:"};
  char line[4096];
  snprintf(line, sizeof line, "Authorization: Bearer %s", token);
  struct curl_slist *headers = curl_slist_append(NULL, line);
  for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
    headers = curl_slist_append(headers, fixed[i]);
  return headers;
}

/* plain URL-of-the-project token runs */
int main(int count, char **words) {
  static answer to;
  char session_url[1024], run_url[1024];
  if (count != 4) return 2;
  snprintf(session_url, sizeof session_url, "%s/sessions", words[1]);
  snprintf(run_url, sizeof run_url, "%s/workflows/foo/versions/1/run", words[1]);
  long runs = strtol(words[3], NULL, 10);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL *easy = curl_easy_init();
  struct curl_slist *headers = make_headers(words[2]);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 60000L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &to);
  post(easy, session_url, session_body, &to, 200);
  double cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID), wall = read_clock(CLOCK_MONOTONIC);
  for (long i = 0; i < runs; i++) {
    post(easy, session_url, session_body, &to, 200);
    post(easy, run_url, run_body, &to, 202);
  }
  printf("%.6f %.6f\n", read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu,
         read_clock(CLOCK_MONOTONIC) - wall);
  curl_easy_cleanup(easy);
  curl_slist_free_all(headers);
  curl_global_cleanup();
  return 0;
}
