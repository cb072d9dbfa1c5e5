/* SPDX-License-Identifier: Apache-2.0
 * What `tls.lua` is measured against: the first TLS connection of a process in plain C, which finds
 * the one certificate that it needs in a hashed folder. `tls CA_PATH HTTPS_URL HTTP_URL` → ms of
 * CPU. What else a first request takes has been paid by one without TLS. */
#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double milliseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static double cpu_of(CURL *easy, const char *url) {
  double begun = milliseconds();
  curl_easy_setopt(easy, CURLOPT_URL, url);
  CURLcode code = curl_easy_perform(easy);
  if (code == CURLE_OK) return milliseconds() - begun;
  fprintf(stderr, "%s: %s\n", url, curl_easy_strerror(code));
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
  curl_easy_setopt(easy, CURLOPT_CAPATH, argv[1]);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  cpu_of(easy, argv[3]);
  double first = cpu_of(easy, argv[2]);
  printf("%.6f\n", first - cpu_of(easy, argv[2]));
  return 0;
}
