/* SPDX-License-Identifier: Apache-2.0
 * Memory for libcurl that is wiped when it is given back: requests and answers pass through it with
 * all that is secret in them. Otherwise plain malloc's, so that nobody notices. */
#ifndef CDFW_WIPING_H
#define CDFW_WIPING_H

#include <stddef.h>

void cdfw_wiping_free(void *block);
void *cdfw_wiping_resize(void *block, size_t size);

#endif
