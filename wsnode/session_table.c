/*
 * Three ways to find sessions, and their addresses. A user and a page live exactly as long as they
 * have sessions.
 */
#include "wsnode/session_table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wsnode/session.h"

LIST_HEAD(session_list, session);

struct session_user {
    UT_hash_handle hh;
    struct session_list sessions;
    char user_id[];
};

struct session_page {
    UT_hash_handle hh;
    struct session **sessions; /* owned; each knows its place, and the last one fills a gap */
    uint32_t count;
    uint32_t room;
    size_t page_at; /* where the page begins in name */
    char name[];    /* "serverClient:page": the group's name (group_name.h) */
};

#define PAGE_NAME_BYTES (2 * ((size_t)ADDRESS_PART_BYTES_MAX + 1))

void session_table_init(struct session_table *t)
{
    *t = (struct session_table){0};
}

void session_table_finish(struct session_table *t)
{
    assert(t->count == 0 && !t->by_id && !t->by_user && !t->by_page);
    session_table_init(t);
}

static struct session_user *find_user(const struct session_table *t, const char *user_id)
{
    struct session_user *user;

    HASH_FIND(hh, t->by_user, user_id, strlen(user_id), user);
    return user;
}

/* Borrowed; NULL: no memory. */
static struct session_user *need_user(struct session_table *t, const char *user_id)
{
    struct session_user *user = find_user(t, user_id);

    if (user) {
        return user;
    }
    size_t len = strlen(user_id);
    user = malloc(sizeof(*user) + len + 1);
    if (!user) {
        return NULL;
    }
    LIST_INIT(&user->sessions);
    memcpy(user->user_id, user_id, len + 1);
    HASH_ADD_KEYPTR(hh, t->by_user, user->user_id, len, user);
    if (!hash_has(user, hh)) {
        free(user);
        return NULL;
    }
    return user;
}

static void drop_user_if_empty(struct session_table *t, struct session_user *user)
{
    if (LIST_EMPTY(&user->sessions)) {
        HASH_DELETE(hh, t->by_user, user);
        free(user);
    }
}

/* Borrowed; NULL: no memory. */
static struct session_page *need_page(struct session_table *t, const struct address *a)
{
    char name[PAGE_NAME_BYTES];
    struct session_page *page;

    size_t len = (size_t)snprintf(name, sizeof(name), "%s:%s", a->server_client, a->page);
    HASH_FIND(hh, t->by_page, name, len, page);
    if (page) {
        return page;
    }
    page = malloc(sizeof(*page) + len + 1);
    if (!page) {
        return NULL;
    }
    page->sessions = NULL;
    page->count = 0;
    page->room = 0;
    page->page_at = strlen(a->server_client) + 1;
    memcpy(page->name, name, len + 1);
    HASH_ADD_KEYPTR(hh, t->by_page, page->name, len, page);
    if (!hash_has(page, hh)) {
        free(page);
        return NULL;
    }
    return page;
}

static void drop_page_if_empty(struct session_table *t, struct session_page *page)
{
    if (page->count == 0) {
        HASH_DELETE(hh, t->by_page, page);
        free(page->sessions);
        free(page);
    }
}

static bool page_has_room(struct session_page *page)
{
    uint32_t room = page->room ? 2 * page->room : 1;

    if (page->count < page->room) {
        return true;
    }
    struct session **sessions = realloc(page->sessions, room * sizeof(struct session *));
    if (!sessions) {
        return false;
    }
    page->sessions = sessions;
    page->room = room;
    return true;
}

static void page_add(struct session_page *page, struct session *s)
{
    s->page = page;
    s->page_place = page->count;
    page->sessions[page->count++] = s;
}

static void page_remove(struct session_page *page, const struct session *s)
{
    struct session *last = page->sessions[--page->count];

    page->sessions[s->page_place] = last;
    last->page_place = s->page_place;
}

enum err session_table_add(struct session_table *t, struct session *s, const struct address *a)
{
    struct session_user *user = need_user(t, a->user_id);
    if (!user) {
        goto no_user;
    }
    struct session_page *page = need_page(t, a);
    if (!page) {
        goto no_page;
    }
    if (!page_has_room(page)) {
        goto no_id;
    }
    HASH_ADD(by_id, t->by_id, id, SESSION_ID_BYTES - 1, s);
    if (!hash_has(s, by_id)) {
        goto no_id;
    }
    s->user = user;
    LIST_INSERT_HEAD(&user->sessions, s, of_user);
    page_add(page, s);
    t->count++;
    return ERR_OK;

no_id:
    drop_page_if_empty(t, page);
no_page:
    drop_user_if_empty(t, user);
no_user:
    return ERR_NO_MEMORY;
}

void session_table_remove(struct session_table *t, struct session *s)
{
    HASH_DELETE(by_id, t->by_id, s);
    LIST_REMOVE(s, of_user);
    page_remove(s->page, s);
    drop_user_if_empty(t, s->user);
    drop_page_if_empty(t, s->page);
    s->user = NULL;
    s->page = NULL;
    t->count--;
}

struct session *session_table_find(const struct session_table *t, const char *session_id)
{
    struct session *s;

    if (strlen(session_id) != SESSION_ID_BYTES - 1) {
        return NULL;
    }
    HASH_FIND(by_id, t->by_id, session_id, SESSION_ID_BYTES - 1, s);
    return s;
}

void session_table_each_of_user(struct session_table *t, const char *user_id,
    void (*fn)(struct session *s, void *arg), void *arg)
{
    struct session_user *user = find_user(t, user_id);
    struct session *next;

    for (struct session *s = user ? LIST_FIRST(&user->sessions) : NULL; s; s = next) {
        next = LIST_NEXT(s, of_user); /* fn may free s, and the group with its last member */
        fn(s, arg);
    }
}

/* Calls fn for each page that has sessions of the group. */
static void each_page_of_group(const struct session_table *t, const char *group,
    void (*fn)(const struct session_page *page, void *arg), void *arg)
{
    struct session_page *page;
    size_t len = strlen(group);

    if (group[len - 1] != ':') {
        HASH_FIND(hh, t->by_page, group, len, page);
        if (page) {
            fn(page, arg);
        }
        return;
    }
    for (page = t->by_page; page; page = page->hh.next) {
        if (len == 1 || strncmp(page->name, group, len) == 0) {
            fn(page, arg);
        }
    }
}

static void count_page(const struct session_page *page, void *arg)
{
    *(size_t *)arg += page->count;
}

size_t session_table_count_of_group(const struct session_table *t, const char *group)
{
    size_t count = 0;

    each_page_of_group(t, group, count_page, &count);
    return count;
}

struct visit {
    void (*fn)(struct session *s, void *arg);
    void *arg;
};

static void visit_page(const struct session_page *page, void *arg)
{
    const struct visit *visit = arg;

    for (uint32_t i = 0; i < page->count; i++) {
        visit->fn(page->sessions[i], visit->arg);
    }
}

void session_table_each_of_group(const struct session_table *t, const char *group,
    void (*fn)(struct session *s, void *arg), void *arg)
{
    struct visit visit = {fn, arg};

    each_page_of_group(t, group, visit_page, &visit);
}

void session_table_each(
    struct session_table *t, void (*fn)(struct session *s, void *arg), void *arg)
{
    struct session *next;

    for (struct session *s = t->by_id; s; s = next) {
        next = s->by_id.next;
        fn(s, arg);
    }
}

void session_table_address(const struct session *s, struct address *out)
{
    const struct session_page *page = s->page;

    snprintf(out->user_id, sizeof(out->user_id), "%s", s->user->user_id);
    snprintf(
        out->server_client, sizeof(out->server_client), "%.*s", (int)page->page_at - 1, page->name);
    snprintf(out->page, sizeof(out->page), "%s", page->name + page->page_at);
}
