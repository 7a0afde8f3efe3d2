/*
 * poster: sends as fast as the system answers, or at a rate, over kept connections, and prints how
 * many sends were answered, how fast, and how long that took. Raw sockets, because it shares the
 * processors with what it measures.
 *
 * usage: poster --to IP:PORT --key KEY [--first-user N] [--users N] [--threads N] [--seconds S]
 * [--rate N] [--pad BYTES] [--volatile] [--wait written|ack] [--batch N [--bad N]]
 *
 * --batch: so many messages per request, to one user after the other; --bad: so many of them, in
 * even distances, have two targets, and are to be refused. Sends and times are of requests.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../ledger/times.h"

#define REQUEST_BYTES_MAX (1 << 20)
#define ANSWER_BYTES_MAX (4 << 20)

struct settings {
    char host[64];
    uint16_t port;
    const char *key, *wait;
    int first_user, users, threads, pad_bytes, batch, bad;
    double seconds, rate; /* rate: all threads together; 0: as fast as it goes */
    bool durable;
};

struct thread {
    pthread_t id;
    const struct settings *settings; /* borrowed */
    int number, fd;
    int64_t failed, end_us;
    struct times took;
    char body[REQUEST_BYTES_MAX - 512], request[REQUEST_BYTES_MAX], answer[ANSWER_BYTES_MAX];
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int connect_to(const struct settings *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, s->host, &to.sin_addr);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){10, 0}, sizeof(struct timeval));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* What the ledger's clients take for a message of theirs, and don't count. */
static int write_message(const struct settings *s, int user, bool is_bad, char *out, size_t size)
{
    int n = snprintf(out, size,
        "{\"userId\":\"user%d\",%s\"durable\":%s,\"json\":{\"u\":%d,\"s\":999999",
        s->first_user + user, is_bad ? "\"key\":\"a:b:c\"," : "", s->durable ? "true" : "false",
        user);

    if (s->pad_bytes > 0) {
        n += snprintf(out + n, size - (size_t)n, ",\"pad\":\"%0*d\"", s->pad_bytes, 0);
    }
    return n + snprintf(out + n, size - (size_t)n, "}");
}

static int write_messages(const struct settings *s, int user, char *out, size_t size)
{
    int n = snprintf(out, size, "{\"messages\":[");

    for (int i = 0; i < s->batch; i++) {
        bool is_bad =
            s->bad > 0 && i % (s->batch / s->bad) == 0 && i / (s->batch / s->bad) < s->bad;

        n += write_message(s, (user + i) % s->users, is_bad, out + n, size - (size_t)n);
        n += snprintf(out + n, size - (size_t)n, "}%s", i + 1 < s->batch ? "," : "]");
    }
    return n;
}

static int write_body(const struct settings *s, int user, char *out, size_t size)
{
    int n = s->batch > 0 ? write_messages(s, user, out, size)
                         : write_message(s, user, false, out, size);

    if (s->wait != NULL) {
        n += snprintf(out + n, size - (size_t)n, ",\"wait\":\"%s\",\"timeoutMs\":5000", s->wait);
    }
    return n + snprintf(out + n, size - (size_t)n, "}");
}

static size_t write_request(struct thread *t, int user)
{
    static const char head[] =
        "POST /socketSend HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        "X-Api-Key: %s\r\nContent-Length: %d\r\n\r\n%s";
    int len = write_body(t->settings, user, t->body, sizeof t->body);

    return (size_t)snprintf(t->request, sizeof t->request, head, t->settings->key, len, t->body);
}

/* Is the answer whole? */
static bool is_whole(const char *answer, size_t len)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *length = strcasestr(answer, "content-length:");

    return end != NULL && length != NULL && length < end &&
           len >= (size_t)(end + 4 - answer) + strtoul(length + 15, NULL, 10);
}

/* 200, and of a batch exactly those refused that should be. */
static bool is_good(const struct thread *t)
{
    const struct settings *s = t->settings;
    char counts[64];

    snprintf(counts, sizeof counts, "\"sent\":%d,\"failed\":%d,", s->batch - s->bad, s->bad);
    return strncmp(t->answer, "HTTP/1.1 200", 12) == 0 &&
           (s->batch == 0 || strstr(t->answer, counts) != NULL);
}

static bool read_answer(struct thread *t)
{
    size_t len = 0;

    for (;;) {
        ssize_t got = read(t->fd, t->answer + len, sizeof t->answer - 1 - len);
        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
        t->answer[len] = '\0';
        if (is_whole(t->answer, len)) {
            return is_good(t);
        }
    }
}

/* The web server ends a kept connection now and then: that is seen when nothing comes back on it,
 * once. */
static bool post(struct thread *t, size_t request_bytes)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        bool fresh = t->fd < 0;
        if (fresh) {
            t->fd = connect_to(t->settings);
        }
        t->answer[0] = '\0';
        if (t->fd >= 0 && write(t->fd, t->request, request_bytes) == (ssize_t)request_bytes &&
            read_answer(t)) {
            if (strcasestr(t->answer, "\r\nconnection: close") != NULL) {
                close(t->fd);
                t->fd = -1;
            }
            return true;
        }
        if (t->answer[0] != '\0' && t->failed == 0) {
            fprintf(stderr, "poster: %.500s\n", t->answer);
        }
        if (t->fd >= 0) {
            close(t->fd);
        }
        t->fd = -1;
        if (fresh || t->answer[0] != '\0') {
            return false;
        }
    }
    return false;
}

static void sleep_until(int64_t us)
{
    int64_t left = us - now_us();

    if (left > 0) {
        nanosleep(&(struct timespec){left / 1000000, left % 1000000 * 1000}, NULL);
    }
}

static void *run(void *arg)
{
    struct thread *t = arg;
    const struct settings *s = t->settings;
    int64_t pause_us = s->rate > 0 ? (int64_t)(1e6 * s->threads / s->rate) : 0;
    int64_t next = now_us() + pause_us * t->number / s->threads;
    size_t len = 0;

    for (int user = t->number % s->users; now_us() < t->end_us;
         user = (user + s->threads) % s->users) {
        if (pause_us > 0) {
            sleep_until(next);
            next += pause_us;
        }
        if (len == 0 || s->batch == 0) { /* batches are all the same */
            len = write_request(t, user);
        }
        int64_t began = now_us();
        if (post(t, len)) {
            times_add(&t->took, now_us() - began);
        } else {
            t->failed++;
            sleep_until(now_us() + 10000);
        }
    }
    return NULL;
}

static bool parse_address(const char *text, struct settings *s)
{
    const char *colon = strrchr(text, ':');

    if (colon == NULL) {
        return false;
    }
    snprintf(s->host, sizeof s->host, "%.*s", (int)(colon - text), text);
    s->port = (uint16_t)strtoul(colon + 1, NULL, 10);
    return true;
}

static void parse(int argc, char **argv, struct settings *s)
{
    enum { TO, KEY, FIRST_USER, USERS, THREADS, SECONDS, RATE, PAD, VOLATILE, WAIT, BATCH, BAD };
    static const struct option names[] = {{"to", 1, 0, TO}, {"key", 1, 0, KEY},
        {"first-user", 1, 0, FIRST_USER}, {"users", 1, 0, USERS}, {"threads", 1, 0, THREADS},
        {"seconds", 1, 0, SECONDS}, {"rate", 1, 0, RATE}, {"pad", 1, 0, PAD},
        {"volatile", 0, 0, VOLATILE}, {"wait", 1, 0, WAIT}, {"batch", 1, 0, BATCH},
        {"bad", 1, 0, BAD}, {0, 0, 0, 0}};
    int *const numbers[] = {[FIRST_USER] = &s->first_user,
        [USERS] = &s->users,
        [THREADS] = &s->threads,
        [PAD] = &s->pad_bytes,
        [BATCH] = &s->batch,
        [BAD] = &s->bad};
    bool good = true;

    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case TO:
            good &= parse_address(optarg, s);
            break;
        case KEY:
            s->key = optarg;
            break;
        case WAIT:
            s->wait = optarg;
            break;
        case VOLATILE:
            s->durable = false;
            break;
        case SECONDS:
            s->seconds = strtod(optarg, NULL);
            break;
        case RATE:
            s->rate = strtod(optarg, NULL);
            break;
        case FIRST_USER:
        case USERS:
        case THREADS:
        case PAD:
        case BATCH:
        case BAD:
            *numbers[option] = (int)strtol(optarg, NULL, 10);
            break;
        default:
            good = false;
        }
    }
    if (!good || s->port == 0 || s->key == NULL || s->users < 1 || s->threads < 1 ||
        s->batch > 1000 || s->bad > s->batch ||
        (s->pad_bytes + 150) * (s->batch > 0 ? s->batch : 1) > REQUEST_BYTES_MAX - 512) {
        fputs("poster: see the usage at the head of poster.c\n", stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct settings s = {.users = 1, .threads = 1, .seconds = 5, .durable = true};
    struct times all = {0};
    int64_t failed = 0;

    parse(argc, argv, &s);
    (void)signal(SIGPIPE, SIG_IGN);
    struct thread *threads = calloc((size_t)s.threads, sizeof *threads);
    if (threads == NULL) {
        return 2;
    }
    int64_t began = now_us();
    for (int i = 0; i < s.threads; i++) {
        threads[i].settings = &s;
        threads[i].number = i;
        threads[i].fd = -1;
        threads[i].end_us = began + (int64_t)(s.seconds * 1e6);
        pthread_create(&threads[i].id, NULL, run, &threads[i]);
    }
    for (int i = 0; i < s.threads; i++) {
        pthread_join(threads[i].id, NULL);
        times_add_all(&all, &threads[i].took);
        failed += threads[i].failed;
        times_finish(&threads[i].took);
    }
    double seconds = (double)(now_us() - began) / 1e6;
    printf("{\"sends\":%zu,\"failed\":%lld,\"seconds\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_"
           "ms\":%.3f}\n",
        all.count, (long long)failed, seconds, times_ms(&all, 50), times_ms(&all, 99),
        times_ms(&all, 100));
    times_finish(&all);
    free(threads);
    return 0;
}
