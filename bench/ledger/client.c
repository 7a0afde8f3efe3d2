/* Many WebSocket clients in one epoll loop: see client.h. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "times.h"

#define RX_BYTES_MAX (1 << 20)
#define SCAN_MS 20

enum client_state { WAITING, CONNECTING, OPEN };

struct client {
    int number, user, fd;
    enum client_state state;
    int64_t
        due_us; /* WAITING: connect then; CONNECTING: give up then; OPEN: the next cut, 0: none */
    int64_t stalled_until_us;
    int64_t heard_us; /* when bytes last came */
    int64_t asked_us; /* when this connection was asked for */
    int64_t backoff_ms;
    bool
        has_place; /* last_ms, last_n hold a place: the last id seen, or where it first connected */
    unsigned long long last_ms, last_n;
    unsigned long long acked_ms, acked_n;
    bool was_cut, registered;
    int missed; /* messages that this connection still has to replay */
    char *rx;   /* owned; NULL while empty */
    size_t rx_len;
};

struct clients {
    struct clients_options o;
    struct client *all;
    int count, epoll, connecting;
    atomic_int
        placed; /* clients that know their place in the inbox: they lose nothing from then on */
    atomic_bool stop;
    atomic_int cut_percent, stall_percent;
    atomic_llong stall_ms, cut_pause_ms, ended;
    unsigned seed;
    atomic_int online, node; /* node: which one to connect to, -1: any */
    pthread_mutex_t mutex;   /* guards mark_us and back */
    int64_t mark_us;
    struct times back; /* when clients were registered, after the mark */
    int64_t closes[5000], failed, timed_out, silent, unrecovered;
};

static bool gets_topic(const struct clients *c, const struct client *k)
{
    return c->o.topics > 0 && k->user % c->o.topics == 0;
}

static bool chance(struct clients *c, int percent)
{
    return rand_r(&c->seed) % 100 < percent;
}

struct clients *clients_create(const struct clients_options *options)
{
    struct clients *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->o = *options;
    c->count = options->users * options->clients_per_user;
    c->all = calloc((size_t)c->count, sizeof *c->all);
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->seed = 1;
    c->node = options->only_node;
    pthread_mutex_init(&c->mutex, NULL);
    for (int i = 0; i < c->count; i++) {
        struct client *k = &c->all[i];
        k->number = i;
        k->user = i / options->clients_per_user;
        k->fd = -1;
        k->backoff_ms = options->backoff_min_ms;
    }
    return c;
}

void clients_destroy(struct clients *c)
{
    for (int i = 0; i < c->count; i++) {
        if (c->all[i].fd >= 0)
            close(c->all[i].fd);
        free(c->all[i].rx);
    }
    close(c->epoll);
    times_finish(&c->back);
    free(c->all);
    free(c);
}

static void drop(struct clients *c, struct client *k, bool reset)
{
    if (k->fd >= 0 && reset)
        setsockopt(k->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    if (k->fd >= 0)
        close(k->fd);
    c->ended += k->state == OPEN;
    c->online -= k->registered;
    k->registered = false;
    if (k->state == CONNECTING)
        c->connecting--;
    k->fd = -1;
    free(k->rx);
    k->rx = NULL;
    k->rx_len = 0;
    k->stalled_until_us = 0;
    k->state = WAITING;
}

/* Full jitter: a random time up to a bound that doubles. */
static void wait_with_backoff(struct clients *c, struct client *k)
{
    int64_t bound_us = k->backoff_ms * 1000;
    k->due_us = book_now_us() + rand_r(&c->seed) % (bound_us + 1);
    k->backoff_ms =
        k->backoff_ms * 2 > c->o.backoff_max_ms ? c->o.backoff_max_ms : k->backoff_ms * 2;
}

static void lose(struct clients *c, struct client *k)
{
    drop(c, k, false);
    wait_with_backoff(c, k);
}

static void start_connect(struct clients *c, struct client *k)
{
    int chosen = c->node;
    const char *node = c->o.nodes[chosen >= 0 ? chosen : rand_r(&c->seed) % c->o.node_count];
    char host[64];
    struct sockaddr_in to = {.sin_family = AF_INET}, from = {.sin_family = AF_INET};
    snprintf(host, sizeof host, "%s", node);
    char *colon = strrchr(host, ':');
    *colon = '\0';
    to.sin_port = htons((uint16_t)atoi(colon + 1));
    inet_pton(AF_INET, host, &to.sin_addr);

    k->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* On loopback, spread over 127.0.0.x: one source address has too few ports for many
     * connections. */
    if (strncmp(host, "127.", 4) == 0) {
        from.sin_addr.s_addr = htonl(0x7f000002u + (unsigned)(k->number / 4000));
        setsockopt(k->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
        if (bind(k->fd, (struct sockaddr *)&from, sizeof from) != 0)
            perror("bind");
    }
    if (c->o.receive_buffer > 0)
        setsockopt(k->fd, SOL_SOCKET, SO_RCVBUF, &c->o.receive_buffer, sizeof(int));
    setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    k->state = CONNECTING;
    c->connecting++;
    k->asked_us = book_now_us();
    k->due_us = k->asked_us + (c->o.silence_max_ms > 0 ? c->o.silence_max_ms * 1000 : 10 * 1000000);
    if (connect(k->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) {
        c->failed++;
        lose(c, k);
        return;
    }
    epoll_ctl(
        c->epoll, EPOLL_CTL_ADD, k->fd, &(struct epoll_event){.events = EPOLLOUT, .data.ptr = k});
}

static void send_handshake(struct clients *c, struct client *k)
{
    char request[512], resume[64] = "";
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        c->failed++;
        lose(c, k);
        return;
    }
    if (c->o.resume && k->has_place && !gets_topic(c, k))
        snprintf(resume, sizeof resume, "?lastId=%llu-%llu", k->last_ms, k->last_n);
    int n = snprintf(request, sizeof request,
        "GET /screenWebsocket/pc/ledger/user%d%s HTTP/1.1\r\nHost: ledger\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: socketsend.v1\r\n\r\n",
        c->o.first_user + k->user, resume);
    if (write(k->fd, request, (size_t)n) != n) {
        lose(c, k);
        return;
    }
    epoll_ctl(
        c->epoll, EPOLL_CTL_MOD, k->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = k});
}

/* One short masked frame (the mask is zero: it protects proxies, and there are none here). */
static void send_frame(struct client *k, unsigned char opcode, const char *text, size_t len)
{
    unsigned char frame[6 + 125] = {(unsigned char)(0x80 | opcode), (unsigned char)(0x80 | len)};
    memcpy(frame + 6, text, len);
    if (write(k->fd, frame, 6 + len) < 0 && errno == EPIPE)
        return; /* the read side will tell */
}

static void on_message(struct clients *c, struct client *k, const char *text)
{
    const char *id = strstr(text, "\"id\":\""), *body = strstr(text, "\"json\":{\"u\":");
    unsigned long long ms, n;
    int user, number;
    if (body == NULL || sscanf(body + 7, "{\"u\":%d,\"s\":%d}", &user, &number) != 2 ||
        user != k->user) {
        fprintf(stderr, "ledger: a frame that is none of ours: %.200s\n", text);
        return;
    }
    if (id == NULL ||
        sscanf(id + 6, "%llu-%llu", &ms, &n) != 2) { /* a design that keeps nothing has no ids */
        book_receive(c->o.book, k->number, user, number);
        return;
    }
    if (ms < k->last_ms || (ms == k->last_ms && n <= k->last_n)) {
        book_raw_duplicate(c->o.book);
        return;
    }
    k->has_place = true;
    k->last_ms = ms;
    k->last_n = n;
    book_receive(c->o.book, k->number, user, number);
    if (k->missed > 0) {
        k->missed--;
        book_replay(c->o.book, book_now_us() - k->asked_us);
    }
}

/* It stands where the node says: in the inbox, or in its topic. */
static void on_registered(struct clients *c, struct client *k, const char *text)
{
    const char *position = strstr(text, "\"position\":\"");
    c->online += !k->registered;
    k->registered = true;
    pthread_mutex_lock(&c->mutex);
    times_add(&c->back, book_now_us() - c->mark_us);
    pthread_mutex_unlock(&c->mutex);
    if (strstr(text, "\"recovered\":false") != NULL)
        c->unrecovered++;
    if (!k->has_place && position != NULL && k->missed == 0) {
        k->has_place = sscanf(position + 12, "%llu-%llu", &k->last_ms, &k->last_n) == 2;
        k->acked_ms = k->last_ms;
        k->acked_n = k->last_n;
        c->placed += k->has_place;
    }
}

static void subscribe(struct clients *c, struct client *k)
{
    char text[125], after[64] = "";
    if (k->has_place)
        snprintf(after, sizeof after, ",\"lastId\":\"%llu-%llu\"", k->last_ms, k->last_n);
    int n = snprintf(text, sizeof text, "{\"type\":\"subscribe\",\"topic\":\"ledger/user%d\"%s}",
        c->o.first_user + k->user, after);
    send_frame(k, 1, text, (size_t)n);
}

static void on_connected(struct clients *c, struct client *k, const char *text)
{
    const char *missed = strstr(text, "\"missed\":");
    k->backoff_ms = c->o.backoff_min_ms;
    if (gets_topic(c, k)) {
        subscribe(c, k);
        return;
    }
    k->missed = missed != NULL ? atoi(missed + 9) : 0;
    on_registered(c, k, text);
}

static void on_text(struct clients *c, struct client *k, const char *text)
{
    if (strncmp(text, "{\"type\":\"message\"", 17) == 0) {
        on_message(c, k, text);
    } else if (strncmp(text, "{\"type\":\"ping\"", 14) == 0) {
        send_frame(k, 1, "{\"type\":\"pong\"}", 15);
    } else if (strncmp(text, "{\"type\":\"connected\"", 19) == 0) {
        on_connected(c, k, text);
    } else if (strncmp(text, "{\"type\":\"subscribed\"", 20) == 0) {
        on_registered(c, k, text);
    } else if (gets_topic(c, k) && strncmp(text, "{\"type\":\"error\"", 15) == 0) {
        fprintf(stderr, "ledger: %s\n", text);
    }
}

static void on_close_frame(
    struct clients *c, struct client *k, const unsigned char *body, size_t len)
{
    unsigned code = len >= 2 ? (unsigned)(body[0] << 8 | body[1]) : 1005;
    if (code < 5000)
        c->closes[code]++;
    drop(c, k, false);
    if (code >= 4200 && code < 4300) {
        k->due_us = book_now_us();
    } else {
        wait_with_backoff(c, k);
    }
}

/* Takes one frame off the buffer. Returns its length, 0: not whole yet, -1: the connection has
 * gone. */
static long take_frame(struct clients *c, struct client *k, unsigned char *at, size_t len)
{
    if (len < 2)
        return 0;
    size_t head = 2, body = at[1] & 0x7f;
    if (body == 126)
        head = 4;
    if (body == 127)
        head = 10;
    if (len < head)
        return 0;
    if (head == 4)
        body = (size_t)(at[2] << 8 | at[3]);
    if (head == 10)
        body = (size_t)at[6] << 24 | (size_t)at[7] << 16 | (size_t)at[8] << 8 | at[9];
    if (len < head + body)
        return 0;
    unsigned char after = at[head + body]; /* the buffer has room for one more byte */
    at[head + body] = '\0';
    switch (at[0] & 0x0f) {
    case 1:
        on_text(c, k, (char *)at + head);
        break;
    case 8:
        on_close_frame(c, k, at + head, body);
        return -1;
    case 9:
        send_frame(k, 10, (char *)at + head, body);
        break;
    default:
        break;
    }
    at[head + body] = after;
    return (long)(head + body);
}

/* The first cut comes at a random time, so that the clients are not all cut at once. */
static int64_t next_cut_us(struct clients *c, struct client *k)
{
    int64_t every_us = c->o.cut_every_ms * 1000;
    int64_t in_us = k->was_cut ? every_us : rand_r(&c->seed) % every_us;
    k->was_cut = true;
    return in_us;
}

static bool take_handshake(struct clients *c, struct client *k)
{
    k->rx[k->rx_len] = '\0';
    char *end = strstr(k->rx, "\r\n\r\n");
    if (end == NULL)
        return true;
    if (strncmp(k->rx, "HTTP/1.1 101", 12) != 0) {
        c->failed++;
        lose(c, k);
        return false;
    }
    size_t used = (size_t)(end + 4 - k->rx);
    memmove(k->rx, k->rx + used, k->rx_len - used);
    k->rx_len -= used;
    k->state = OPEN;
    c->connecting--;
    k->due_us = c->o.cut_every_ms > 0 ? book_now_us() + next_cut_us(c, k) : 0;
    return true;
}

static void ack(struct client *k)
{
    char text[100];
    if (k->last_ms == k->acked_ms && k->last_n == k->acked_n)
        return;
    int n = snprintf(
        text, sizeof text, "{\"type\":\"ack\",\"id\":\"%llu-%llu\"}", k->last_ms, k->last_n);
    send_frame(k, 1, text, (size_t)n);
    k->acked_ms = k->last_ms;
    k->acked_n = k->last_n;
}

static void on_readable(struct clients *c, struct client *k)
{
    static char chunk[65536];
    ssize_t n = read(k->fd, chunk, sizeof chunk);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || k->rx_len + (size_t)n > RX_BYTES_MAX) {
        c->silent++;
        lose(c, k);
        return;
    }
    k->heard_us = book_now_us();
    char *grown = realloc(k->rx, k->rx_len + (size_t)n + 1);
    if (grown == NULL)
        abort();
    k->rx = grown;
    memcpy(k->rx + k->rx_len, chunk, (size_t)n);
    k->rx_len += (size_t)n;
    if (k->state == CONNECTING && !take_handshake(c, k))
        return;
    size_t at = 0;
    while (k->state == OPEN) {
        long used = take_frame(c, k, (unsigned char *)k->rx + at, k->rx_len - at);
        if (used < 0)
            return;
        if (used == 0)
            break;
        at += (size_t)used;
    }
    memmove(k->rx, k->rx + at, k->rx_len - at);
    k->rx_len -= at;
    if (k->state == OPEN && !gets_topic(c, k)) /* nobody acknowledges what comes by topics */
        ack(k);
    if (k->rx_len == 0) {
        free(k->rx);
        k->rx = NULL;
    }
}

static void cut(struct clients *c, struct client *k, int64_t now, int64_t for_ms)
{
    drop(c, k, true);
    k->due_us = now + for_ms * 1000;
}

/* Has a host gone that could not say so? A client that does not read on purpose cannot tell. */
static bool is_silent(struct clients *c, struct client *k, int64_t now)
{
    return c->o.silence_max_ms > 0 && k->stalled_until_us == 0 &&
           now - k->heard_us > c->o.silence_max_ms * 1000;
}

/* Every SCAN_MS: who is due for what. */
static void scan(struct clients *c)
{
    int64_t now = book_now_us(), stall_ms = c->stall_ms;
    int cut_percent = atomic_exchange(&c->cut_percent, 0),
        stall_percent = atomic_exchange(&c->stall_percent, 0);
    for (int i = 0; i < c->count; i++) {
        struct client *k = &c->all[i];
        if (k->state == OPEN && cut_percent > 0 && chance(c, cut_percent))
            cut(c, k, now, rand_r(&c->seed) % (c->cut_pause_ms + 1));
        if (k->state == OPEN && stall_percent > 0 && chance(c, stall_percent)) {
            k->stalled_until_us = now + stall_ms * 1000;
            epoll_ctl(
                c->epoll, EPOLL_CTL_MOD, k->fd, &(struct epoll_event){.events = 0, .data.ptr = k});
        }
        if (k->stalled_until_us > 0 && now >= k->stalled_until_us) {
            k->stalled_until_us = 0;
            epoll_ctl(c->epoll, EPOLL_CTL_MOD, k->fd,
                &(struct epoll_event){.events = EPOLLIN, .data.ptr = k});
        }
        if (k->state == OPEN && is_silent(c, k, now)) {
            c->silent++;
            lose(c, k);
        } else if (k->state == OPEN && k->due_us > 0 && now >= k->due_us) {
            cut(c, k, now, c->o.cut_for_ms);
        } else if (k->state == CONNECTING && now >= k->due_us) {
            c->timed_out++;
            lose(c, k);
        } else if (k->state == WAITING && now >= k->due_us && c->connecting < c->o.at_once)
            start_connect(c, k);
    }
}

void clients_run(struct clients *c)
{
    struct epoll_event events[256];
    int64_t next_scan = 0;
    while (!c->stop) {
        int n = epoll_wait(c->epoll, events, 256, SCAN_MS);
        for (int i = 0; i < n; i++) {
            struct client *k = events[i].data.ptr;
            if (k->fd < 0)
                continue;
            if (k->state == CONNECTING && (events[i].events & EPOLLIN) == 0) {
                send_handshake(c, k);
            } else {
                on_readable(c, k);
            }
        }
        if (book_now_us() >= next_scan) {
            scan(c);
            next_scan = book_now_us() + SCAN_MS * 1000;
        }
    }
}

void clients_stop(struct clients *c)
{
    c->stop = true;
}

int clients_placed(struct clients *c)
{
    return c->placed;
}

int clients_online(struct clients *c)
{
    return c->online;
}

void clients_use(struct clients *c, int node)
{
    c->node = node;
}

void clients_mark(struct clients *c)
{
    pthread_mutex_lock(&c->mutex);
    c->mark_us = book_now_us();
    c->back.count = 0;
    pthread_mutex_unlock(&c->mutex);
}

void clients_report_back(struct clients *c, FILE *out)
{
    pthread_mutex_lock(&c->mutex);
    fprintf(out, "back %zu p50_ms %.0f p99_ms %.0f max_ms %.0f\n", c->back.count,
        times_ms(&c->back, 50), times_ms(&c->back, 99), times_ms(&c->back, 100));
    pthread_mutex_unlock(&c->mutex);
}

int64_t clients_ended(struct clients *c)
{
    return c->ended;
}

void clients_cut(struct clients *c, int percent, int64_t pause_ms)
{
    c->cut_pause_ms = pause_ms;
    c->cut_percent = percent;
}

void clients_stall(struct clients *c, int percent, int64_t for_ms)
{
    c->stall_ms = for_ms;
    c->stall_percent = percent;
}

void clients_report(struct clients *c, FILE *out)
{
    fprintf(out,
        "connections: %lld failed, %lld got no answer in time, %lld ended without a close frame, "
        "%lld not recovered; close codes:",
        (long long)c->failed, (long long)c->timed_out, (long long)c->silent,
        (long long)c->unrecovered);
    for (int code = 0; code < 5000; code++) {
        if (c->closes[code] > 0)
            fprintf(out, " %d×%lld", code, (long long)c->closes[code]);
    }
    fprintf(out, "\n");
}
