/*
 * Parses redis.url.
 */
#include "shared/redis_url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "shared/parse.h"

#define REDIS_PORT 6379
#define REDIS_DB_MAX 9999

static enum err bad(struct problem *p, const char *what)
{
    return problem_set(p, ERR_BAD_VALUE, "redis.url", "redis.url: %s", what);
}

static enum err copy_decoded(
    struct slice text, char *out, size_t out_bytes, const char *what, struct problem *p)
{
    if (parse_percent(text, out, out_bytes)) {
        return problem_set(p, ERR_BAD_VALUE, "redis.url",
            "redis.url: the %s is too long or has a malformed percent escape", what);
    }
    return ERR_OK;
}

static enum err parse_db(struct slice text, struct redis_url *u, struct problem *p)
{
    uint64_t db;

    if (parse_u64(text, REDIS_DB_MAX, &db)) {
        return bad(p, "the db is not a number from 0 to 9999");
    }
    u->db = (int)db;
    return ERR_OK;
}

/* Takes what stands before the first `at` off the start of text; false if there is none. */
static bool take_until(struct slice *text, char at, struct slice *out)
{
    const char *found = memchr(text->at, at, text->len);

    if (!found) {
        return false;
    }
    *out = (struct slice){text->at, (size_t)(found - text->at)};
    *text = (struct slice){found + 1, text->len - out->len - 1};
    return true;
}

/* user:password, or :password. */
static enum err parse_login(struct slice login, struct redis_url *u, struct problem *p)
{
    struct slice user;
    enum err err;

    if (!take_until(&login, ':', &user)) {
        return bad(p, "what stands before the @ is not user:password");
    }
    err = copy_decoded(user, u->user, sizeof(u->user), "user", p);
    if (err) {
        return err;
    }
    if (login.len == 0) {
        return bad(p, "the password is empty");
    }
    return copy_decoded(login, u->password, sizeof(u->password), "password", p);
}

static bool is_numeric_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* ip, ip:port, [ipv6] or [ipv6]:port */
static enum err parse_server(struct slice server, struct redis_url *u, struct problem *p)
{
    static const char what[] = "the server is not ip[:port]; host names are not resolved";
    char text[sizeof(u->host) + sizeof("[]:65535")];
    const char *port_mark;

    if (server.len + sizeof(":6379") > sizeof(text)) {
        return bad(p, what);
    }
    memcpy(text, server.at, server.len);
    text[server.len] = '\0';
    port_mark = strrchr(text, ':');
    if (!port_mark || (text[0] == '[' && port_mark[-1] != ']')) {
        snprintf(text + server.len, sizeof(text) - server.len, ":%d", REDIS_PORT);
    }
    if (parse_host_port(text, u->host, sizeof(u->host), &u->port) || u->port == 0 ||
        !is_numeric_address(u->host)) {
        return bad(p, what);
    }
    return ERR_OK;
}

static enum err parse_tcp(struct slice rest, struct redis_url *u, struct problem *p)
{
    struct slice login;
    struct slice server;
    enum err err;

    if (take_until(&rest, '@', &login)) {
        err = parse_login(login, u, p);
        if (err) {
            return err;
        }
    }
    if (!take_until(&rest, '/', &server)) {
        return parse_server(rest, u, p);
    }
    err = parse_server(server, u, p);
    if (err || rest.len == 0) {
        return err;
    }
    return parse_db(rest, u, p);
}

static enum err parse_parameter(struct slice parameter, struct redis_url *u, struct problem *p)
{
    struct slice name;

    if (!take_until(&parameter, '=', &name)) {
        return bad(p, "what follows the ? is not name=value&…");
    }
    if (slice_equal(name, "db")) {
        return parse_db(parameter, u, p);
    }
    if (slice_equal(name, "user")) {
        return copy_decoded(parameter, u->user, sizeof(u->user), "user", p);
    }
    if (slice_equal(name, "password")) {
        return copy_decoded(parameter, u->password, sizeof(u->password), "password", p);
    }
    return bad(p, "only db, user and password may follow the ?");
}

static enum err parse_unix(struct slice rest, struct redis_url *u, struct problem *p)
{
    struct slice path = rest;
    bool has_parameters = take_until(&rest, '?', &path);
    enum err err = copy_decoded(path, u->path, sizeof(u->path), "path", p);

    if (err) {
        return err;
    }
    if (u->path[0] != '/') {
        return bad(p, "the path of a unix socket starts with /: unix:///run/redis.sock");
    }
    while (has_parameters) {
        struct slice parameter = rest;

        has_parameters = take_until(&rest, '&', &parameter);
        err = parse_parameter(parameter, u, p);
        if (err) {
            return err;
        }
    }
    if (u->user[0] && !u->password[0]) {
        return bad(p, "a user without a password");
    }
    return ERR_OK;
}

static bool strip_start(const char *text, const char *start, struct slice *rest)
{
    if (strncmp(text, start, strlen(start)) != 0) {
        return false;
    }
    *rest = slice_of(text + strlen(start));
    return true;
}

enum err redis_url_parse(const char *text, struct redis_url *out, struct problem *p)
{
    struct redis_url url = {0};
    struct slice rest;
    enum err err;

    if (strip_start(text, "redis://", &rest)) {
        err = parse_tcp(rest, &url, p);
    } else if (strip_start(text, "unix://", &rest)) {
        err = parse_unix(rest, &url, p);
    } else {
        err = bad(p, "it starts with neither redis:// nor unix://");
    }
    if (!err) {
        *out = url;
    }
    return err;
}

void redis_url_describe(const struct redis_url *u, char *out, size_t out_bytes)
{
    if (u->path[0]) {
        snprintf(out, out_bytes, "unix://%s?db=%d", u->path, u->db);
        return;
    }
    snprintf(out, out_bytes, strchr(u->host, ':') ? "redis://[%s]:%u/%d" : "redis://%s:%u/%d",
        u->host, u->port, u->db);
}
