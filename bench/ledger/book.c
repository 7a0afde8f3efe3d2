/* The book: see book.h. One mutex guards all; the load is far below what that costs. */
#include "book.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "times.h"

struct entry {
    int64_t sent_us;
    bool accepted;
    unsigned char phase;
};

struct phase {
    char name[PHASE_NAME_BYTES];
    int64_t accepted, attempts, expected, received, doubled, out_of_order;
    struct times delays; /* from the first attempt to send to the arrival */
};

struct book {
    pthread_mutex_t mutex;
    int users, clients_per_user, messages_max;
    int *sent;             /* per user: how many numbers were given */
    struct entry *entries; /* user * messages_max + number */
    unsigned char *times;  /* (client) * messages_max + number: how often received */
    int *last;             /* per client: highest number received so far, -1 */
    struct phase phases[PHASES_MAX];
    int phase_count, phase; /* phase: the current one */
    int64_t raw_duplicates;
    struct times replays;
};

int64_t book_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void *must(void *memory)
{
    if (memory == NULL) {
        perror("book: no memory");
        exit(2);
    }
    return memory;
}

struct book *book_create(int users, int clients_per_user, int messages_per_user_max)
{
    struct book *b = must(calloc(1, sizeof *b));
    size_t clients = (size_t)users * (size_t)clients_per_user;
    size_t messages = (size_t)messages_per_user_max;
    pthread_mutex_init(&b->mutex, NULL);
    b->users = users;
    b->clients_per_user = clients_per_user;
    b->messages_max = messages_per_user_max;
    b->sent = must(calloc((size_t)users, sizeof *b->sent));
    b->entries = must(calloc((size_t)users * messages, sizeof *b->entries));
    b->times = must(calloc(clients, messages));
    b->last = must(malloc(clients * sizeof *b->last));
    for (size_t i = 0; i < clients; i++)
        b->last[i] = -1;
    return b;
}

void book_destroy(struct book *b)
{
    free(b->sent);
    free(b->entries);
    free(b->times);
    free(b->last);
    times_finish(&b->replays);
    for (int i = 0; i < b->phase_count; i++)
        times_finish(&b->phases[i].delays);
    free(b);
}

void book_start_phase(struct book *b, const char *name)
{
    int i = 0;
    pthread_mutex_lock(&b->mutex);
    while (i < b->phase_count && strcmp(b->phases[i].name, name) != 0)
        i++;
    if (i == PHASES_MAX) {
        fprintf(stderr, "book: more than %d phases\n", PHASES_MAX);
        exit(2);
    }
    if (i == b->phase_count)
        snprintf(b->phases[b->phase_count++].name, PHASE_NAME_BYTES, "%s", name);
    b->phase = i;
    pthread_mutex_unlock(&b->mutex);
}

static struct entry *entry_of(struct book *b, int user, int number)
{
    return &b->entries[(size_t)user * (size_t)b->messages_max + (size_t)number];
}

int book_send(struct book *b, int user)
{
    pthread_mutex_lock(&b->mutex);
    int number = b->phase_count == 0 ? BOOK_NO_PHASE : BOOK_FULL;
    if (b->sent[user] < b->messages_max && b->phase_count > 0) {
        number = b->sent[user]++;
        struct entry *e = entry_of(b, user, number);
        e->sent_us = book_now_us();
        e->phase = (unsigned char)b->phase;
    }
    pthread_mutex_unlock(&b->mutex);
    return number;
}

void book_accept(struct book *b, int user, int number, int attempts)
{
    pthread_mutex_lock(&b->mutex);
    struct entry *e = entry_of(b, user, number);
    e->accepted = true;
    b->phases[e->phase].accepted++;
    b->phases[e->phase].attempts += attempts;
    pthread_mutex_unlock(&b->mutex);
}

void book_receive(struct book *b, int client, int user, int number)
{
    pthread_mutex_lock(&b->mutex);
    if (number >= 0 && number < b->sent[user]) {
        struct entry *e = entry_of(b, user, number);
        struct phase *phase = &b->phases[e->phase];
        unsigned char *times = &b->times[(size_t)client * (size_t)b->messages_max + (size_t)number];
        int64_t delay = book_now_us() - e->sent_us;
        if (*times > 0)
            phase->doubled++;
        if (*times < 255)
            (*times)++;
        if (*times == 1 && number < b->last[client])
            phase->out_of_order++;
        if (number > b->last[client])
            b->last[client] = number;
        if (*times == 1)
            times_add(&phase->delays, delay);
    }
    pthread_mutex_unlock(&b->mutex);
}

void book_raw_duplicate(struct book *b)
{
    pthread_mutex_lock(&b->mutex);
    b->raw_duplicates++;
    pthread_mutex_unlock(&b->mutex);
}

void book_replay(struct book *b, int64_t after_us)
{
    pthread_mutex_lock(&b->mutex);
    times_add(&b->replays, after_us);
    pthread_mutex_unlock(&b->mutex);
}

/* Counts, per phase, what its accepted messages should have brought and did bring. Returns how much
 * is missing. */
static int64_t settle(struct book *b)
{
    int64_t missing = 0;
    for (int i = 0; i < b->phase_count; i++)
        b->phases[i].expected = b->phases[i].received = 0;
    for (int user = 0; user < b->users; user++) {
        for (int number = 0; number < b->sent[user]; number++) {
            struct entry *e = entry_of(b, user, number);
            if (!e->accepted)
                continue;
            struct phase *phase = &b->phases[e->phase];
            for (int c = 0; c < b->clients_per_user; c++) {
                size_t client = (size_t)user * (size_t)b->clients_per_user + (size_t)c;
                bool got = b->times[client * (size_t)b->messages_max + (size_t)number] > 0;
                phase->expected++;
                phase->received += got;
                missing += !got;
            }
        }
    }
    return missing;
}

int64_t book_missing(struct book *b)
{
    pthread_mutex_lock(&b->mutex);
    int64_t missing = settle(b);
    pthread_mutex_unlock(&b->mutex);
    return missing;
}

int book_phase(struct book *b)
{
    pthread_mutex_lock(&b->mutex);
    int phase = b->phase;
    pthread_mutex_unlock(&b->mutex);
    return phase;
}

const char *book_phase_name(struct book *b, int phase)
{
    return b->phases[phase].name;
}

int book_sent_least(struct book *b)
{
    int least = b->messages_max;
    pthread_mutex_lock(&b->mutex);
    for (int user = 0; user < b->users; user++) {
        if (b->sent[user] < least)
            least = b->sent[user];
    }
    pthread_mutex_unlock(&b->mutex);
    return least;
}

static void print_row(FILE *out, struct phase *p)
{
    fprintf(out, "%-34s %9lld %9lld %10lld %6lld %8lld %8lld %8.1f %8.1f %8.2f\n", p->name,
        (long long)p->accepted, (long long)(p->attempts - p->accepted), (long long)p->received,
        (long long)(p->expected - p->received), (long long)p->doubled, (long long)p->out_of_order,
        times_ms(&p->delays, 50), times_ms(&p->delays, 99), times_ms(&p->delays, 100) / 1000);
}

bool book_report(struct book *b, FILE *out)
{
    struct phase total = {.name = "total"};
    pthread_mutex_lock(&b->mutex);
    settle(b);
    fprintf(out, "%-34s %9s %9s %10s %6s %8s %8s %8s %8s %8s\n", "fault", "accepted", "retries",
        "received", "lost", "doubled", "disorder", "p50 ms", "p99 ms", "max s");
    for (int i = 0; i < b->phase_count; i++) {
        struct phase *p = &b->phases[i];
        print_row(out, p);
        total.accepted += p->accepted;
        total.attempts += p->attempts;
        total.expected += p->expected;
        total.received += p->received;
        total.doubled += p->doubled;
        total.out_of_order += p->out_of_order;
        times_add_all(&total.delays, &p->delays);
    }
    print_row(out, &total);
    fprintf(out,
        "lost %.3f %% of %lld deliveries; %lld repeats on the wire, dropped by the clients\n",
        total.expected ? 100.0 * (double)(total.expected - total.received) / (double)total.expected
                       : 0.0,
        (long long)total.expected, (long long)b->raw_duplicates);
    if (b->replays.count > 0) {
        fprintf(out, "replayed %zu; after the reconnect: median %.3f s, p99 %.3f s, max %.3f s\n",
            b->replays.count, times_ms(&b->replays, 50) / 1000, times_ms(&b->replays, 99) / 1000,
            times_ms(&b->replays, 100) / 1000);
    }
    times_finish(&total.delays);
    pthread_mutex_unlock(&b->mutex);
    return total.expected == total.received && total.doubled == 0 && total.out_of_order == 0;
}
