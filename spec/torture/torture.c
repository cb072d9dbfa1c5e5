/* SPDX-License-Identifier: Apache-2.0
 * Runs operations of the library again and again, each time with one more allocation that succeeds
 * before one fails (or before all fail): of Lua's memory, of the module's own, of libcurl's. Each
 * time there must be a result or an error, nothing may be left behind, and the same client must
 * work at once afterwards. */
#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stub.h"

int luaopen_cdfworkflow_core(lua_State *L);

/* {==== Memory that runs out ==== */

typedef enum kind { OF_LUA, OF_MODULE, OF_CURL, KINDS } kind;

typedef struct memory {
  const char *name;
  long live;                 /* blocks not yet given back */
  bool armed;                /* count, and fail when it is time */
  bool for_ever;             /* fail from `first` on, not once */
  unsigned long seen, first; /* allocations since arming; the one to fail, from 1 */
  unsigned long failed;
} memory;

static memory memories[KINDS] = {
    {.name = "Lua's"}, {.name = "the module's"}, {.name = "libcurl's"}};

static bool runs_out(kind which) {
  memory *m = &memories[which];
  if (!m->armed) return false;
  m->seen++;
  /* Lua collects garbage when it is refused memory, and asks once more. */
  unsigned long last = m->first + (which == OF_LUA ? 1 : 0);
  if (m->seen < m->first || (!m->for_ever && m->seen > last)) return false;
  m->failed++;
  return true;
}

static void arm(kind which, unsigned long first, bool for_ever) {
  memory *m = &memories[which];
  m->seen = m->failed = 0;
  m->first = first;
  m->for_ever = for_ever;
  m->armed = true;
}

static bool disarm(kind which) {
  memories[which].armed = false;
  return memories[which].failed > 0;
}

/* The linker sends the module's calls of these functions to the ones with __wrap_ before them. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);

static void *counted(kind which, void *block) {
  if (block != NULL) memories[which].live++;
  return block;
}

static void *get(kind which, size_t size) {
  return runs_out(which) ? NULL : counted(which, __real_malloc(size));
}

static void *get_zeroed(kind which, size_t count, size_t size) {
  return runs_out(which) ? NULL : counted(which, __real_calloc(count, size));
}

static void *resize(kind which, void *block, size_t size) {
  if (block == NULL) return get(which, size);
  return runs_out(which) ? NULL : __real_realloc(block, size);
}

static void give_back(kind which, void *block) {
  if (block != NULL) memories[which].live--;
  __real_free(block);
}

void *__wrap_malloc(size_t size) {
  return get(OF_MODULE, size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return get_zeroed(OF_MODULE, count, size);
}

void *__wrap_realloc(void *block, size_t size) {
  return resize(OF_MODULE, block, size);
}

void __wrap_free(void *block) {
  give_back(OF_MODULE, block);
}

static void *curl_get(size_t size) {
  return get(OF_CURL, size);
}

static void *curl_get_zeroed(size_t count, size_t size) {
  return get_zeroed(OF_CURL, count, size);
}

static void *curl_resize(void *block, size_t size) {
  return resize(OF_CURL, block, size);
}

static void curl_give_back(void *block) {
  give_back(OF_CURL, block);
}

static char *curl_copy(const char *text) {
  char *copy = get(OF_CURL, strlen(text) + 1);
  return copy != NULL ? strcpy(copy, text) : NULL;
}

static void *lua_memory(void *unused, void *block, size_t old, size_t size) {
  (void)unused;
  if (size == 0) {
    give_back(OF_LUA, block);
    return NULL;
  }
  if (block == NULL) return get(OF_LUA, size);
  /* Lua takes it for granted that a block can be made smaller. */
  return size > old ? resize(OF_LUA, block, size) : __real_realloc(block, size);
}

/* }==== */

/* {==== Lua states ==== */

enum {
  SHOWN = 3, /* findings of one kind that are printed */
  MOST_LOADS = 500
};

static unsigned findings, shown;

static void report(const char *operation, kind which, bool for_ever, unsigned long n,
                   const char *what) {
  findings++;
  if (++shown > SHOWN) return;
  printf("  FOUND %s, %s memory, allocation %lu%s: %s\n", operation, memories[which].name, n,
         for_ever ? " and all after it" : "", what);
}

static int panic(lua_State *L) {
  fprintf(stderr, "an error outside all protection: %s\n", lua_tostring(L, -1));
  abort();
}

static lua_State *new_state(int port) {
  lua_State *L = lua_newstate(lua_memory, NULL);
  if (L == NULL) {
    fprintf(stderr, "no Lua state with an allocator of our own\n");
    exit(2);
  }
  lua_atpanic(L, panic);
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_cdfworkflow_core);
  lua_setfield(L, -2, "cdfworkflow.core");
  lua_pop(L, 2);
  lua_pushinteger(L, port);
  lua_setglobal(L, "stub_port");
  return L;
}

/* Calls the function under the arguments on the stack; what it raises ends the program. */
static void must(lua_State *L, int arguments, int results) {
  if (lua_pcall(L, arguments, results, 0) == 0) return;
  lua_getglobal(L, "tostring");
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  fprintf(stderr, "%s\n", lua_tostring(L, -1));
  exit(2);
}

/* Keeps lua-cjson in memory up to the end, where the leak report then can name it (see lsan.supp).
 */
static void keep_cjson(void) {
  static lua_State *keeper;
  keeper = luaL_newstate();
  luaL_openlibs(keeper);
  lua_getglobal(keeper, "require");
  lua_pushliteral(keeper, "cjson");
  must(keeper, 1, 0);
}

static void collect(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT, 0);
  lua_gc(L, LUA_GCCOLLECT, 0);
}

/* }==== */

/* {==== One operation ==== */

/* Stack slots while an operation is tortured; operations.lua says what each is. */
enum { MODULE = 1, OPERATION, EXPECTED, CONTEXT };

typedef struct round {
  const char *name;
  kind which;
  bool for_ever;
  unsigned long n;
  long baseline; /* the module's blocks that live while nothing is under way */
} round;

/* Calls module.<function>(operation, context, …); a text that it gives back is a finding. */
static void ask(lua_State *L, const round *r, const char *function, int arguments) {
  lua_getfield(L, MODULE, function);
  lua_insert(L, -arguments - 1);
  must(L, arguments, 1);
  if (lua_isstring(L, -1)) report(r->name, r->which, r->for_ever, r->n, lua_tostring(L, -1));
  lua_settop(L, CONTEXT);
}

/* Runs the operation with failing memory; answers whether any allocation failed. */
static bool attempt(lua_State *L, const round *r) {
  lua_getfield(L, OPERATION, "prepare");
  lua_pushvalue(L, OPERATION);
  must(L, 1, 1);
  lua_replace(L, CONTEXT);
  lua_pushvalue(L, EXPECTED);
  lua_getfield(L, OPERATION, "run");
  lua_pushvalue(L, CONTEXT);
  arm(r->which, r->n, r->for_ever);
  int status = lua_pcall(L, 1, 2, 0);
  bool failed = disarm(r->which);
  if (status != 0) lua_pushnil(L);
  lua_pushboolean(L, status == 0);
  lua_insert(L, -3);
  ask(L, r, "judge", 4);
  lua_pushvalue(L, OPERATION);
  lua_pushvalue(L, CONTEXT);
  lua_pushvalue(L, EXPECTED);
  ask(L, r, "again", 3);
  lua_pushvalue(L, OPERATION);
  lua_pushvalue(L, CONTEXT);
  ask(L, r, "finish", 2);
  return failed;
}

static void check_left_behind(lua_State *L, const round *r) {
  char what[80];
  lua_pushnil(L);
  lua_replace(L, CONTEXT);
  collect(L);
  long left = memories[OF_MODULE].live - r->baseline;
  if (left == 0) return;
  snprintf(what, sizeof what, "%ld blocks of the module are left behind", left);
  report(r->name, r->which, r->for_ever, r->n, what);
}

static void check_closed(const round *r, const long before[]) {
  for (int which = 0; which < KINDS; which++) {
    char what[80];
    long left = memories[which].live - before[which];
    if (left == 0) continue;
    snprintf(what, sizeof what, "%ld blocks are left after lua_close", left);
    report(r->name, (kind)which, r->for_ever, r->n, what);
  }
}

static unsigned long torture(int port, const char *file, int index, kind which, bool for_ever) {
  long before[KINDS];
  for (int i = 0; i < KINDS; i++)
    before[i] = memories[i].live;
  lua_State *L = new_state(port);
  round r = {.which = which, .for_ever = for_ever};
  shown = 0;
  if (luaL_loadfile(L, file) != 0) lua_error(L);
  must(L, 0, 1);
  lua_getfield(L, MODULE, "operations");
  lua_rawgeti(L, -1, index);
  lua_replace(L, OPERATION);
  lua_getfield(L, OPERATION, "name");
  r.name = lua_tostring(L, -1);
  lua_pop(L, 1);
  lua_getfield(L, MODULE, "rehearse");
  lua_pushvalue(L, OPERATION);
  must(L, 1, 1);
  lua_pushnil(L);
  collect(L);
  r.baseline = memories[OF_MODULE].live;
  do {
    r.n++;
    if (!attempt(L, &r)) break;
    check_left_behind(L, &r);
  } while (true);
  lua_close(L);
  check_closed(&r, before);
  return r.n - 1;
}

/* }==== */

/* {==== Loading the module ==== */

/* Requires the module in a state of its own; answers how many allocations that took up to the first
   that failed, or in all. */
static unsigned long load(int port, const char *module, unsigned long first, bool for_ever) {
  round r = {.name = module, .which = OF_LUA, .for_ever = for_ever, .n = first};
  long before[KINDS];
  for (int i = 0; i < KINDS; i++)
    before[i] = memories[i].live;
  lua_State *L = new_state(port);
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  arm(OF_LUA, first, for_ever);
  int status = lua_pcall(L, 1, 1, 0);
  bool failed = disarm(OF_LUA);
  if (status == 0 ? !lua_istable(L, -1) : !failed)
    report(r.name, OF_LUA, for_ever, r.n, "no module and no reason");
  lua_close(L);
  check_closed(&r, before);
  return memories[OF_LUA].seen;
}

/* Most allocations are those of Lua's own compiler: of a long row of them only some are failed. */
static unsigned long torture_loading(int port, const char *module) {
  unsigned long count = load(port, module, ULONG_MAX, false), step = 1 + count / MOST_LOADS,
                total = 0;
  shown = 0;
  for (unsigned long first = 1; first <= count; first += step, total += 2) {
    load(port, module, first, false);
    load(port, module, first, true);
  }
  printf("%-34s  Lua's %lu of %lu\n", module, total, 2 * count);
  return total;
}

/* }==== */

static int count_operations(int port, const char *file) {
  lua_State *L = new_state(port);
  if (luaL_loadfile(L, file) != 0) lua_error(L);
  must(L, 0, 1);
  lua_getfield(L, -1, "operations");
  int count = 0;
  for (;; count++) {
    lua_rawgeti(L, -1, count + 1);
    if (lua_isnil(L, -1)) break;
    lua_pop(L, 1);
  }
  lua_close(L);
  return count;
}

static void print_name(int port, const char *file, int index) {
  lua_State *L = new_state(port);
  if (luaL_loadfile(L, file) != 0) lua_error(L);
  must(L, 0, 1);
  lua_getfield(L, -1, "operations");
  lua_rawgeti(L, -1, index);
  lua_getfield(L, -1, "name");
  printf("%-34s", lua_tostring(L, -1));
  lua_close(L);
}

int main(int argc, char **argv) {
  int port;
  const char *file = argc > 1 ? argv[1] : "spec/torture/operations.lua";
  pid_t stub = stub_start(&port);
  if (stub < 0 || curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_get, curl_give_back, curl_resize,
                                       curl_copy, curl_get_zeroed) != CURLE_OK)
    return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  keep_cjson();
  unsigned long total = torture_loading(port, "cdfworkflow.core");
  total += torture_loading(port, "cdfworkflow");
  int count = count_operations(port, file);
  for (int index = 1; index <= count; index++) {
    print_name(port, file, index);
    for (int which = 0; which < KINDS; which++) {
      unsigned long once = torture(port, file, index, (kind)which, false);
      unsigned long for_ever = torture(port, file, index, (kind)which, true);
      printf("  %s %lu + %lu", memories[which].name, once, for_ever);
      total += once + for_ever;
    }
    printf("\n");
  }
  stub_stop(stub);
  printf("%lu failed allocations, %u findings\n", total, findings);
  return findings > 0;
}
