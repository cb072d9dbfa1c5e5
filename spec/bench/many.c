/* SPDX-License-Identifier: Apache-2.0
 * What `many.lua` is measured against: as many runs (POST a session, then POST a run), as many at a
 * time, in plain C over one libcurl multi handle.
 * `many URL TOKEN CA_FILE RUNS CONCURRENCY CONNECTIONS` → "cpu wall peak": seconds, and
 * KiB that the process has grown by at most. */
#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ROOM = 4096 };

typedef struct run {
  CURL *easy;
  int asked_run; /* the second of the two requests is under way */
  size_t have;
  char answer[ROOM], body[ROOM];
} run;

static const char *base_url;
static int left, failed;

static double seconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t take(char *data, size_t size, size_t count, void *user) {
  run *one = user;
  if (one->have + size * count >= ROOM) return 0;
  memcpy(one->answer + one->have, data, size * count);
  one->have += size * count;
  one->answer[one->have] = '\0';
  return size * count;
}

static void ask(CURLM *multi, run *one, const char *path) {
  char url[512];
  snprintf(url, sizeof url, "%s%s", base_url, path);
  one->have = 0;
  curl_easy_setopt(one->easy, CURLOPT_URL, url);
  curl_easy_setopt(one->easy, CURLOPT_COPYPOSTFIELDS, one->body);
  curl_multi_add_handle(multi, one->easy);
}

static void ask_session(CURLM *multi, run *one) {
  one->asked_run = 0;
  snprintf(one->body, ROOM, "{\"items\":[{\"tokenExchange\":true}]}");
  ask(multi, one, "/sessions");
}

static void ask_run(CURLM *multi, run *one) {
  char *nonce = strstr(one->answer, "\"nonce\":\"");
  char *end = nonce != NULL ? strchr(nonce + 9, '"') : NULL;
  if (end == NULL) exit(1);
  *end = '\0';
  one->asked_run = 1;
  snprintf(one->body, ROOM, "{\"authentication\":{\"nonce\":\"%s\"},\"input\":{\"a\":1,\"b\":2}}",
           nonce + 9);
  ask(multi, one, "/workflows/w/versions/1/run");
}

/* The next request of whoever has an answer. */
static void proceed(CURLM *multi, CURL *easy) {
  run *one;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&one);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(multi, easy);
  if (status < 200 || status > 299) failed++;
  if (!one->asked_run && status == 201) {
    ask_run(multi, one);
  } else if (left > 0) {
    left--;
    ask_session(multi, one);
  }
}

static void prepare(run *one, struct curl_slist *headers, const char *ca_file) {
  one->easy = curl_easy_init();
  curl_easy_setopt(one->easy, CURLOPT_PRIVATE, one);
  curl_easy_setopt(one->easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(one->easy, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(one->easy, CURLOPT_WRITEDATA, one);
  curl_easy_setopt(one->easy, CURLOPT_CAPATH, NULL);
  if (ca_file[0] != '\0') curl_easy_setopt(one->easy, CURLOPT_CAINFO, ca_file);
  curl_easy_setopt(one->easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(one->easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(one->easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(one->easy, CURLOPT_TIMEOUT_MS, 60000L);
}

/* The same as the library sends. */
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

static long peak_kib(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  int concurrency = atoi(argv[5]), running = 1, queued;
  run *runs = calloc((size_t)concurrency, sizeof *runs);
  base_url = argv[1];
  left = atoi(argv[4]);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM *multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, atol(argv[6]));
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, atol(argv[6]));
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, atol(argv[6]));
  curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000L);
  struct curl_slist *headers = make_headers(argv[2]);
  long before = peak_kib();
  double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < concurrency && left > 0; i++, left--) {
    prepare(&runs[i], headers, argv[3]);
    ask_session(multi, &runs[i]);
  }
  while (running > 0) {
    CURLMsg *message;
    curl_multi_perform(multi, &running);
    while ((message = curl_multi_info_read(multi, &queued)) != NULL)
      if (message->msg == CURLMSG_DONE) proceed(multi, message->easy_handle), running++;
    if (running > 0) curl_multi_poll(multi, NULL, 0, 100, NULL);
  }
  printf("%.4f %.4f %ld\n", seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu,
         seconds(CLOCK_MONOTONIC) - wall, peak_kib() - before);
  return failed > 0;
}
