/* SPDX-License-Identifier: Apache-2.0
 * Setting what a promise rests on: an option that this libcurl does not take becomes the transfer's
 * flaw, by its name, and the transfer is not used. */
#ifndef CDFW_SETOPT_H
#define CDFW_SETOPT_H

#include <curl/curl.h>

#include "transfer.h"

/* The option as curl_easy_setopt takes it; false when it was not taken. */
#define CDFW_NEED(transfer, option, value) \
  cdfw_setopt_took(transfer, #option, curl_easy_setopt((transfer)->easy, option, value))

static inline bool cdfw_setopt_took(cdfw_transfer *transfer, const char *option, CURLcode code) {
  if (code != CURLE_OK && code != CURLE_OUT_OF_MEMORY) transfer->flaw = option;
  return code == CURLE_OK;
}

#endif
