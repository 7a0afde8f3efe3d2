/*
 * Asks sentinels and cluster nodes where the masters are, and knows how a cluster spreads keys. One
 * answer is enough: a sentinel or node that is behind leads to a server that refuses writes, and
 * then somebody is asked again.
 */
#include "shared/redis_topology.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/parse.h"
#include "shared/redis_link.h"
#include "shared/redis_reply.h"

/* CRC-16/XMODEM, as the cluster specification has it. */
static uint16_t crc16(struct slice bytes)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        crc = (uint16_t)(crc ^ (unsigned char)bytes.at[i] << 8);
        for (int bit = 0; bit < 8; bit++) {
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
        }
    }
    return crc;
}

unsigned redis_slot(struct slice key)
{
    const char *open = memchr(key.at, '{', key.len);
    const char *close = open ? memchr(open, '}', key.len - (size_t)(open - key.at)) : NULL;

    if (close && close > open + 1) {
        key = (struct slice){open + 1, (size_t)(close - open - 1)};
    }
    return crc16(key) % REDIS_SLOTS;
}

int redis_topology_find(const struct redis_topology *t, enum redis_mode mode, struct slice key)
{
    if (mode != REDIS_CLUSTER) {
        return 0;
    }
    return (int)t->owner[redis_slot(key)] - 1;
}

int redis_topology_add(struct redis_topology *t, const struct redis_place *place)
{
    for (size_t i = 0; i < t->count; i++) {
        if (redis_place_equal(&t->places[i], place)) {
            return (int)i;
        }
    }
    if (t->count == REDIS_MASTERS_MAX) {
        return -1;
    }
    t->places[t->count] = *place;
    return (int)t->count++;
}

/* One command to one server. NULL: no answer; *err says why. */
static redisReply *ask(const struct config *config, const struct redis_place *place,
    const struct redis_login *login, const char *const *words, enum err *err)
{
    int64_t deadline_ms = clock_mono_ms() + config->redis_connect_timeout_ms;
    struct redisContext *context;
    struct command command;
    struct redis_call call = {.command = &command};

    *err = redis_link_open(place, login, 0, deadline_ms, &context);
    if (*err) {
        return NULL;
    }
    command_init(&command);
    for (; *words; words++) {
        command_add_str(&command, *words);
    }
    *err = command_err(&command);
    if (!*err &&
        (redis_link_send(context, &call, 1, 0, deadline_ms) != REDIS_LINK_ANSWERED ||
            redis_link_receive(context, &call, 1, 0, deadline_ms) != REDIS_LINK_ANSWERED)) {
        *err = ERR_REDIS_DOWN;
    }
    command_finish(&command);
    redisFree(context);
    return call.reply;
}

/* {ip, port}, or nil. */
static enum err take_master(const struct redis_url *url, const struct redisReply *reply,
    struct redis_topology *t, struct problem *p)
{
    struct reply_reader r = reply_reader_of(reply);
    uint64_t port;

    if (redis_reply_is_nil(reply)) {
        return problem_set(p, ERR_REDIS_REFUSED, "redis.url",
            "the sentinel knows no master called %s", url->master);
    }
    struct slice host = reply_next_text(&r);
    if (parse_u64(reply_next_text(&r), UINT16_MAX, &port) || reply_reader_err(&r) ||
        redis_place_set(&t->places[0], host.at, host.len, (int64_t)port)) {
        return problem_set(p, ERR_REDIS_REFUSED, "redis.url",
            "the sentinel's answer for %s is no numeric address and port", url->master);
    }
    t->count = 1;
    return ERR_OK;
}

/* {host, port, …}; the host is nil or "" where the server does not know its own. */
static int take_owner(
    const struct redisReply *reply, const struct redis_place *from, struct redis_topology *t)
{
    struct reply_reader r = reply_reader_of(reply);
    struct slice host = redis_reply_text(reply_next(&r));
    int64_t port = reply_next_int(&r);
    struct redis_place place;

    if (host.len == 0) {
        host = slice_of(from->host);
    }
    if (reply_reader_err(&r) || redis_place_set(&place, host.at, host.len, port)) {
        return -1;
    }
    return redis_topology_add(t, &place);
}

/* {{first, last, master, replica, …}, …} of CLUSTER SLOTS. */
static enum err take_slots(const struct redis_place *from, const struct redisReply *reply,
    struct redis_topology *t, struct problem *p)
{
    struct reply_reader ranges = reply_reader_of(reply);

    t->count = 0;
    memset(t->owner, 0, sizeof(t->owner));
    while (reply_has_next(&ranges)) {
        struct reply_reader range = reply_reader_of(reply_next(&ranges));
        int64_t first = reply_next_int(&range);
        int64_t last = reply_next_int(&range);
        int owner = take_owner(reply_next(&range), from, t);

        if (reply_reader_err(&range) || owner < 0 || first < 0 || last >= REDIS_SLOTS) {
            return problem_set(p, ERR_REDIS_REFUSED, "redis.url",
                "a range of CLUSTER SLOTS is not understood, or there are more than %d masters",
                REDIS_MASTERS_MAX);
        }
        for (int64_t slot = first; slot <= last; slot++) {
            t->owner[slot] = (unsigned char)(owner + 1);
        }
    }
    if (t->count == 0) {
        return problem_set(
            p, ERR_REDIS_REFUSED, "redis.url", "no slot of the cluster has an owner");
    }
    return ERR_OK;
}

static enum err ask_one(const struct config *config, const struct redis_url *url,
    const struct redis_place *place, struct redis_topology *t, struct problem *p)
{
    const char *const slots[] = {"CLUSTER", "SLOTS", NULL};
    const char *const master[] = {"SENTINEL", "get-master-addr-by-name", url->master, NULL};
    bool is_cluster = url->mode == REDIS_CLUSTER;
    enum err err;

    redisReply *reply = ask(config, place, is_cluster ? &url->login : &url->sentinel_login,
        is_cluster ? slots : master, &err);
    if (!reply) {
        return problem_set(p, err, "redis.url",
            err == ERR_REDIS_REFUSED ? "it refuses the log-in" : "it does not answer");
    }
    err = redis_reply_err(reply);
    if (err) {
        err = problem_set(p, ERR_REDIS_REFUSED, "redis.url", "it answers: %s", reply->str);
    } else {
        err = is_cluster ? take_slots(place, reply, t, p) : take_master(url, reply, t, p);
    }
    freeReplyObject(reply);
    return err;
}

/* The seeds, the one that answered last first; then a cluster's servers as they were known. */
static const struct redis_place *candidate(
    const struct redis_url *url, const struct redis_topology *known, size_t i)
{
    if (i < url->seed_count) {
        return &url->seeds[(known->seed + i) % url->seed_count];
    }
    i -= url->seed_count;
    return url->mode == REDIS_CLUSTER && i < known->count ? &known->places[i] : NULL;
}

enum err redis_topology_discover(const struct config *config, const struct redis_url *url,
    struct redis_topology *t, struct problem *p)
{
    struct redis_topology found = *t;
    const struct redis_place *place;
    struct problem why = {.err = ERR_OK};
    char text[REDIS_PLACE_BYTES] = "";

    if (url->mode == REDIS_DIRECT) {
        t->places[0] = url->seeds[0];
        t->count = 1;
        return ERR_OK;
    }
    for (size_t i = 0; (place = candidate(url, t, i)); i++) {
        struct problem said = {.err = ERR_OK};

        if (ask_one(config, url, place, &found, &said) == ERR_OK) {
            found.seed = i < url->seed_count ? (t->seed + i) % url->seed_count : t->seed;
            *t = found;
            return ERR_OK;
        }
        /* Who refuses says more than who does not answer. */
        if (why.err != ERR_REDIS_REFUSED) {
            why = said;
            (void)redis_place_describe(place, text);
        }
    }
    return problem_set(p, why.err, "redis.url", "none of the %s answers usefully; %s: %s",
        url->mode == REDIS_CLUSTER ? "cluster's servers" : "sentinels", text, why.msg);
}

/* Takes the word before the next space, or all that is left. */
static struct slice take_word(struct slice *text)
{
    const char *space = memchr(text->at, ' ', text->len);
    size_t len = space ? (size_t)(space - text->at) : text->len;
    struct slice word = {text->at, len};
    size_t taken = space ? len + 1 : len;

    *text = (struct slice){text->at + taken, text->len - taken};
    return word;
}

/* "127.0.0.1:6381", "::1:6381" or ":6381" */
static enum err parse_place(
    struct slice text, const struct redis_place *from, struct redis_place *to)
{
    uint64_t port;
    size_t colon = text.len;

    while (colon > 0 && text.at[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 ||
        parse_u64((struct slice){text.at + colon, text.len - colon}, UINT16_MAX, &port)) {
        return ERR_BAD_VALUE;
    }
    struct slice host = {text.at, colon - 1};
    if (host.len == 0) {
        host = slice_of(from->host);
    }
    return redis_place_set(to, host.at, host.len, (int64_t)port);
}

static struct slice error_text(const struct redisReply *reply)
{
    bool is_error = reply && reply->type == REDIS_REPLY_ERROR;

    return is_error ? (struct slice){reply->str, reply->len} : slice_of("");
}

enum redis_redirect redis_redirect_decode(const struct redisReply *reply,
    const struct redis_place *from, unsigned *slot, struct redis_place *to)
{
    struct slice text = error_text(reply);
    struct slice verb = take_word(&text);
    uint64_t number;

    bool moved = slice_equal(verb, "MOVED");
    if (!moved && !slice_equal(verb, "ASK")) {
        return REDIS_STAYS;
    }
    if (parse_u64(take_word(&text), REDIS_SLOTS - 1, &number) ||
        parse_place(take_word(&text), from, to)) {
        return REDIS_STAYS;
    }
    *slot = (unsigned)number;
    return moved ? REDIS_MOVED : REDIS_ASK;
}

bool redis_reply_is_try_again(const struct redisReply *reply)
{
    struct slice text = error_text(reply);
    struct slice verb = take_word(&text);

    return slice_equal(verb, "TRYAGAIN") || slice_equal(verb, "CLUSTERDOWN");
}
