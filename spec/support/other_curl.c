/* SPDX-License-Identifier: Apache-2.0
 * To be preloaded: makes libcurl another than it is. OTHER_CURL_VERSION ("7.68.0") is told as its
 * version, OTHER_CURL_PROTOCOL as all that it speaks, and the option whose number is
 * OTHER_CURL_REFUSES is not taken. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The next definition of the function that stands here in its place. */
#define NEXT(function, name) *(void **)&(function) = dlsym(RTLD_NEXT, name)

curl_version_info_data *curl_version_info(CURLversion age) {
  static curl_version_info_data told;
  static const char *protocols[2];
  curl_version_info_data *(*ask)(CURLversion);
  NEXT(ask, "curl_version_info");
  told = *ask(age);
  const char *version = getenv("OTHER_CURL_VERSION"), *protocol = getenv("OTHER_CURL_PROTOCOL");
  unsigned major, minor, patch;
  if (version != NULL && sscanf(version, "%u.%u.%u", &major, &minor, &patch) == 3) {
    told.version = version;
    told.version_num = major << 16 | minor << 8 | patch;
  }
  protocols[0] = protocol;
  if (protocol != NULL) told.protocols = protocols;
  return &told;
}

#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...) {
  CURLcode (*set)(CURL *, CURLoption, ...);
  const char *refused = getenv("OTHER_CURL_REFUSES");
  if (refused != NULL && atoi(refused) == (int)option) return CURLE_UNKNOWN_OPTION;
  NEXT(set, "curl_easy_setopt");
  va_list values;
  va_start(values, option);
  void *value = va_arg(values, void *); /* as wide as a long and a curl_off_t, where specs run */
  va_end(values);
  return set(easy, option, value);
}
