/* SPDX-License-Identifier: Apache-2.0
 * The bundle for OpenSSL; see trust.h. OpenSSL is not linked: it is the one that libcurl brought,
 * and is asked only where it surely made what libcurl hands over. */
#define _GNU_SOURCE /* dladdr */
#include "trust.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "transfer.h"

enum {
  EX_INDEX_X509_STORE = 4, /* CRYPTO_EX_INDEX_X509_STORE */
  SET_VERIFY_STORE = 106   /* SSL_CTRL_SET_VERIFY_CERT_STORE: the context owns it then */
};

/* As libcurl has them: X509_V_FLAG_TRUSTED_FIRST, X509_V_FLAG_PARTIAL_CHAIN. */
static const unsigned long STORE_FLAGS = 0x8000 | 0x80000;

/* {==== OpenSSL ==== */

/* Its functions, with its structs as addresses. */
static struct openssl {
  const void *(*method_of)(const void *ssl_context);
  long (*control)(void *ssl_context, int what, long, void *given);
  void *(*new_store)(void);
  void (*free_store)(void *store);
  int (*set_flags)(void *store, unsigned long flags);
  void (*set_get_issuer)(void *store, int (*)(void **issuer, void *context, void *certificate));
  void (*set_lookup)(void *store, void *(*)(void *context, const void *name));
  int (*get_issuer)(void **issuer, void *context, void *certificate);
  void *(*lookup)(void *context, const void *name);
  void *(*store_in)(const void *context);
  const void *(*issuer_of)(const void *certificate);
  int (*der_of)(const void *name, const unsigned char **der, size_t *length);
  void *(*parse)(void **, const unsigned char **der, long length);
  int (*add)(void *store, void *certificate);
  void (*release)(void *certificate);
  int (*new_index)(int kind, long, void *, void *, void *, void *);
  int (*set_data)(void *store, int index, void *data);
  void *(*data_of)(const void *store, int index);
  int (*mark_errors)(void);
  int (*forget_errors)(void);
} openssl;

static const struct {
  const char *name;
  size_t at;
} functions[] = {{"SSL_CTX_get_ssl_method", offsetof(struct openssl, method_of)},
                 {"SSL_CTX_ctrl", offsetof(struct openssl, control)},
                 {"X509_STORE_new", offsetof(struct openssl, new_store)},
                 {"X509_STORE_free", offsetof(struct openssl, free_store)},
                 {"X509_STORE_set_flags", offsetof(struct openssl, set_flags)},
                 {"X509_STORE_set_get_issuer", offsetof(struct openssl, set_get_issuer)},
                 {"X509_STORE_set_lookup_certs", offsetof(struct openssl, set_lookup)},
                 {"X509_STORE_CTX_get1_issuer", offsetof(struct openssl, get_issuer)},
                 {"X509_STORE_CTX_get1_certs", offsetof(struct openssl, lookup)},
                 {"X509_STORE_CTX_get0_store", offsetof(struct openssl, store_in)},
                 {"X509_get_issuer_name", offsetof(struct openssl, issuer_of)},
                 {"X509_NAME_get0_der", offsetof(struct openssl, der_of)},
                 {"d2i_X509", offsetof(struct openssl, parse)},
                 {"X509_STORE_add_cert", offsetof(struct openssl, add)},
                 {"X509_free", offsetof(struct openssl, release)},
                 {"CRYPTO_get_ex_new_index", offsetof(struct openssl, new_index)},
                 {"X509_STORE_set_ex_data", offsetof(struct openssl, set_data)},
                 {"X509_STORE_get_ex_data", offsetof(struct openssl, data_of)},
                 {"ERR_set_mark", offsetof(struct openssl, mark_errors)},
                 {"ERR_pop_to_mark", offsetof(struct openssl, forget_errors)}};

static int data_index = -1; /* of a store: its bundle; -1: there is no OpenSSL that we know */

/* Those whose functions are the ones above. */
static bool is_known_openssl(void) {
  const char *name = curl_version_info(CURLVERSION_NOW)->ssl_version;
  return name != NULL &&
         (strncmp(name, "OpenSSL/3.", 10) == 0 || strncmp(name, "OpenSSL/1.1.1", 13) == 0);
}

/* The file that a function is in, as the loader knows it; `info` stays empty where it does not. */
static void find_file(const void *function, Dl_info *info) {
  memset(info, 0, sizeof *info);
  if (dladdr(function, info) == 0) memset(info, 0, sizeof *info);
}

static void *libcurl_file(void) {
  CURL *(*function)(void) = curl_easy_init;
  void *address;
  Dl_info info;
  memcpy(&address, &function, sizeof address);
  find_file(address, &info);
  return info.dli_fname != NULL ? dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD) : NULL;
}

static void find_openssl(void) {
  void *file = is_known_openssl() ? libcurl_file() : NULL;
  if (file == NULL) return;
  bool found = true;
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    void *address = dlsym(file, functions[i].name);
    found = found && address != NULL;
    memcpy((char *)&openssl + functions[i].at, &address, sizeof address);
  }
  if (found) data_index = openssl.new_index(EX_INDEX_X509_STORE, 0, NULL, NULL, NULL, NULL);
}

static bool has_openssl(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  return pthread_once(&once, find_openssl) == 0 && data_index >= 0;
}

/* Whether the context is of the OpenSSL that was found: there may be several in a process. */
static bool is_from_there(const void *ssl_context) {
  const void *function;
  Dl_info one, other;
  memcpy(&function, &openssl.method_of, sizeof function);
  find_file(function, &one);
  find_file(openssl.method_of(ssl_context), &other);
  return one.dli_fbase != NULL && one.dli_fbase == other.dli_fbase;
}

/* }==== */

/* {==== Certificates on demand ==== */

/* Puts all certificates of that subject into the store, where OpenSSL looks for them next. */
static void supply(void *store, const void *name) {
  const cdfw_bundle *bundle = openssl.data_of(store, data_index);
  const cdfw_certificate *one = NULL;
  const unsigned char *der;
  size_t length;
  uint64_t subject;
  if (bundle == NULL || openssl.der_of(name, &der, &length) != 1 ||
      !cdfw_bundle_name(der, length, &subject))
    return;
  openssl.mark_errors();
  while ((one = cdfw_bundle_find(bundle, subject, one)) != NULL) {
    const unsigned char *at = one->der;
    void *certificate = openssl.parse(NULL, &at, (long)one->length);
    if (certificate == NULL) continue;
    openssl.add(store, certificate);
    openssl.release(certificate);
  }
  openssl.forget_errors();
}

static int on_get_issuer(void **issuer, void *context, void *certificate) {
  supply(openssl.store_in(context), openssl.issuer_of(certificate));
  return openssl.get_issuer(issuer, context, certificate);
}

static void *on_lookup(void *context, const void *name) {
  supply(openssl.store_in(context), name);
  return openssl.lookup(context, name);
}

static bool prepare_store(cdfw_trust *trust, void *store) {
  if (openssl.set_data(store, data_index, &trust->bundle) != 1 ||
      openssl.set_flags(store, STORE_FLAGS) != 1)
    return false;
  openssl.set_get_issuer(store, on_get_issuer);
  openssl.set_lookup(store, on_lookup);
  return true;
}

/* Has servers of the context verified by a store of its own. The one that libcurl fills, when it
   likes and with what it was built to trust, counts for nothing then. */
static bool enter(cdfw_trust *trust, void *ssl_context) {
  void *store = openssl.new_store();
  if (store == NULL) return false;
  if (prepare_store(trust, store) && openssl.control(ssl_context, SET_VERIFY_STORE, 0, store) == 1)
    return true;
  openssl.free_store(store);
  return false;
}

/* Called before a handshake. A bundle that has changed, or an OpenSSL that is not ours to ask, is
   libcurl's business: the transfer begins anew. */
static CURLcode on_ssl_context(CURL *easy, void *ssl_context, void *user) {
  (void)easy;
  cdfw_transfer *transfer = user;
  cdfw_trust *trust = transfer->trust;
  if (!trust->off && cdfw_bundle_is_current(&trust->bundle, trust->path) &&
      is_from_there(ssl_context) && enter(trust, ssl_context))
    return CURLE_OK;
  trust->off = true;
  transfer->flight.stale = true;
  return CURLE_SSL_CACERT_BADFILE;
}

/* }==== */

/* A certificate whose key nobody has, nor may it sign others: libcurl 8.18 and newer read what they
   were built to trust, or have macOS asked, where an application names nothing. */
static char nobody[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIH/MIGyoAMCAQICAQEwBQYDK2VwMBExDzANBgNVBAMMBm5vYm9keTAeFw0yNjEx\n"
    "MjUwNDQ0NDlaFw0yNjExMjYwNDQ0NDlaMBExDzANBgNVBAMMBm5vYm9keTAqMAUG\n"
    "AytlcAMhAPtzQU2DddanUrskQpbqsZSy1sd/EhZJw6Men782yk5eoy8wLTAMBgNV\n"
    "HRMBAf8EAjAAMB0GA1UdDgQWBBQt+xMaS/ULsE5IWyXHTSP/bVpCjTAFBgMrZXAD\n"
    "QQCPrxuiTxsK0raseKq5ceDNiqlC06Ck9EUldgWEmnIRvdi7Zluveev1CB5uC2a3\n"
    "JlLfz4ewIDSVmaTV0dgu/JAG\n"
    "-----END CERTIFICATE-----\n";

static bool is_ready(cdfw_trust *trust) {
  if (!trust->looked) {
    trust->looked = true;
    trust->off = !has_openssl() || !cdfw_bundle_read(&trust->bundle, trust->path);
  }
  return !trust->off;
}

/* libcurl is left without a bundle to read: one in memory comes before CURLOPT_CAINFO. */
void cdfw_trust_offer(struct cdfw_transfer *transfer) {
  cdfw_trust *trust = transfer->trust;
  struct curl_blob blob = {nobody, sizeof nobody - 1, CURL_BLOB_NOCOPY};
  if (trust->path == NULL || !is_ready(trust)) return;
  if (curl_easy_setopt(transfer->easy, CURLOPT_SSL_CTX_DATA, transfer) == CURLE_OK &&
      curl_easy_setopt(transfer->easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context) == CURLE_OK &&
      curl_easy_setopt(transfer->easy, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK)
    return;
  trust->off = true;
  cdfw_trust_withdraw(transfer);
}

void cdfw_trust_withdraw(struct cdfw_transfer *transfer) {
  if (!transfer->trust->off) return;
  curl_easy_setopt(transfer->easy, CURLOPT_SSL_CTX_FUNCTION, NULL);
  curl_easy_setopt(transfer->easy, CURLOPT_CAINFO_BLOB, NULL);
}

void cdfw_trust_free(cdfw_trust *trust) {
  cdfw_bundle_free(&trust->bundle);
  memset(trust, 0, sizeof *trust);
}
