/* SPDX-License-Identifier: Apache-2.0
 * Which libcurl this is; see library.h. */
#define _POSIX_C_SOURCE 200809L
#include "library.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wiping.h"

/* CURLOPT_PREREQFUNCTION, the guard against sending a request twice, came with 7.80. */
enum { OLDEST = 0x075000 };

/* From 8.7 on libcurl sends a request from a buffer that an easy handle keeps. */
enum { KEEPS_REQUESTS = 0x080700 };

/* The oldest that was seen to use a connection well on which a transfer ended before its request.
 */
enum { KEEPS_UNUSED = 0x075800 };

static const char remedy[] =
    "install a newer one, or build cdfworkflow with another that you have "
    "(luarocks make CURL_DIR=its folder)";

static const curl_version_info_data *information(void) {
  return curl_version_info(CURLVERSION_NOW);
}

const char *cdfw_library_version(void) {
  return information()->version;
}

static bool speaks_https(const curl_version_info_data *curl) {
  for (const char *const *name = curl->protocols; *name != NULL; name++)
    if (strcmp(*name, "https") == 0) return true;
  return false;
}

bool cdfw_library_fits(char *problem, size_t room) {
  const curl_version_info_data *curl = information();
  if (curl->version_num < OLDEST) {
    snprintf(problem, room,
             "cdfworkflow needs libcurl 7.80 or newer, and this process has libcurl %s, which may "
             "send a request twice: %s",
             curl->version, remedy);
    return false;
  }
  if (!speaks_https(curl)) {
    snprintf(problem, room,
             "cdfworkflow needs a libcurl with https, and this process has libcurl %s without: %s",
             curl->version, remedy);
    return false;
  }
  return true;
}

static CURLcode state;
static bool keeps_requests, keeps_unused;

bool cdfw_library_keeps_unused(void) {
  return keeps_unused;
}
static char encodings[64];

/* The line that libcurl makes anew for each request unless there is one. */
static void note_encodings(int features) {
  snprintf(encodings, sizeof encodings, "Accept-Encoding: deflate, gzip%s%s",
           (features & CURL_VERSION_BROTLI) != 0 ? ", br" : "",
           (features & CURL_VERSION_ZSTD) != 0 ? ", zstd" : "");
  if ((features & CURL_VERSION_LIBZ) == 0) encodings[0] = '\0';
}

char *cdfw_library_encodings(void) {
  return encodings[0] != '\0' ? encodings : NULL;
}

bool cdfw_library_keeps_requests(void) {
  return keeps_requests;
}

/* Where another part of the program was first to start libcurl, its memory is what it was. */
static void start(void) {
  keeps_unused = information()->version_num >= KEEPS_UNUSED;
  keeps_requests = information()->version_num >= KEEPS_REQUESTS;
  note_encodings(information()->features);
  state = curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, cdfw_wiping_free, cdfw_wiping_resize,
                               strdup, calloc);
}

bool cdfw_library_start(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  return pthread_once(&once, start) == 0 && state == CURLE_OK;
}
