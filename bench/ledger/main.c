/*
 * ledger: keeps a book of what was accepted and what arrived, while somebody else (run.py) breaks
 * things.
 *
 * Commands come on standard input, one per line: `phase NAME`, `cut PERCENT [PAUSE_MS]`, `stall
 * PERCENT MS`, `pause`, `resume`, `ended` (how many connections have ended so far), `online` (how
 * many clients are registered now), `sent SECONDS` (waits until every user was sent all its
 * messages, and says how many the one with the fewest got), `use NODE` (connect to this one from
 * now on; -1: to any), `mark` and `back` (when clients connected, counted from the mark), `stop`.
 * It says `connected` when all clients were once, answers `stop` with the report, and exits 0 only
 * if nothing was lost, doubled or out of order.
 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "sender.h"

#define NODES_MAX 16

struct settings {
    const char *key, *urls[SENDER_URLS_MAX], *nodes[NODES_MAX];
    int url_count, node_count, users, clients_per_user, threads, messages_max, settle_s;
    double rate;
    int64_t cut_every_ms, cut_for_ms, backoff_max_ms, silence_max_ms;
    bool resume;
    int topics, first_user, pad_bytes, receive_buffer, at_once, only_node;
};

static const char usage[] =
    "usage: ledger --url http://IP:PORT/socketSend [--url …] --key KEY --node IP:PORT [--node …]\n"
    "  --users N (100)  --clients N per user (2)  --threads N (8)  --rate MESSAGES/S (300)  "
    "--messages N per user at most (5000)\n"
    "  --cut-every MS --cut-for MS (0: none)  --backoff-max MS (5000)  --settle S to wait for the "
    "rest at the end (60)  --no-resume\n"
    "  --first-user N (0)  --pad BYTES per message (0)  --receive-buffer BYTES (0: the kernel's)  "
    "--at-once CONNECTS (500)  --only-node N (-1: any)\n"
    "  --silence-max MS (0: any)  --topics N: each Nth user's to a topic with history, instead of "
    "to the inbox (0: none)\n";

static void parse(int argc, char **argv, struct settings *s)
{
    enum {
        URL,
        KEY,
        NODE,
        USERS,
        CLIENTS,
        THREADS,
        RATE,
        MESSAGES,
        CUT_EVERY,
        CUT_FOR,
        BACKOFF,
        SETTLE,
        NO_RESUME,
        FIRST_USER,
        PAD,
        RECEIVE_BUFFER,
        AT_ONCE,
        ONLY_NODE,
        SILENCE,
        TOPICS
    };
    static const struct option names[] = {{"url", 1, 0, URL}, {"key", 1, 0, KEY},
        {"node", 1, 0, NODE}, {"users", 1, 0, USERS}, {"clients", 1, 0, CLIENTS},
        {"threads", 1, 0, THREADS}, {"rate", 1, 0, RATE}, {"messages", 1, 0, MESSAGES},
        {"cut-every", 1, 0, CUT_EVERY}, {"cut-for", 1, 0, CUT_FOR}, {"backoff-max", 1, 0, BACKOFF},
        {"settle", 1, 0, SETTLE}, {"no-resume", 0, 0, NO_RESUME}, {"first-user", 1, 0, FIRST_USER},
        {"pad", 1, 0, PAD}, {"receive-buffer", 1, 0, RECEIVE_BUFFER}, {"at-once", 1, 0, AT_ONCE},
        {"only-node", 1, 0, ONLY_NODE}, {"silence-max", 1, 0, SILENCE}, {"topics", 1, 0, TOPICS},
        {0, 0, 0, 0}};
    int *const numbers[] = {[USERS] = &s->users,
        [CLIENTS] = &s->clients_per_user,
        [THREADS] = &s->threads,
        [MESSAGES] = &s->messages_max,
        [SETTLE] = &s->settle_s,
        [FIRST_USER] = &s->first_user,
        [PAD] = &s->pad_bytes,
        [RECEIVE_BUFFER] = &s->receive_buffer,
        [AT_ONCE] = &s->at_once,
        [ONLY_NODE] = &s->only_node};
    int64_t *const times[] = {[CUT_EVERY] = &s->cut_every_ms,
        [CUT_FOR] = &s->cut_for_ms,
        [BACKOFF] = &s->backoff_max_ms,
        [SILENCE] = &s->silence_max_ms};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case URL:
            if (s->url_count < SENDER_URLS_MAX)
                s->urls[s->url_count++] = optarg;
            break;
        case KEY:
            s->key = optarg;
            break;
        case NODE:
            if (s->node_count < NODES_MAX)
                s->nodes[s->node_count++] = optarg;
            break;
        case RATE:
            s->rate = atof(optarg);
            break;
        case NO_RESUME:
            s->resume = false;
            break;
        case TOPICS:
            s->topics = atoi(optarg);
            break;
        case CUT_EVERY:
        case CUT_FOR:
        case BACKOFF:
        case SILENCE:
            *times[option] = atoll(optarg);
            break;
        case USERS:
        case CLIENTS:
        case THREADS:
        case MESSAGES:
        case SETTLE:
        case FIRST_USER:
        case PAD:
        case RECEIVE_BUFFER:
        case AT_ONCE:
        case ONLY_NODE:
            *numbers[option] = atoi(optarg);
            break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (s->url_count == 0 || s->key == NULL || s->node_count == 0 || s->users < 1 ||
        s->clients_per_user < 1 || s->rate <= 0 || s->pad_bytes > PAD_BYTES_MAX ||
        s->only_node >= s->node_count) {
        fputs(usage, stderr);
        exit(2);
    }
}

static void *run_clients(void *clients)
{
    clients_run(clients);
    return NULL;
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* Waits until everything accepted has arrived everywhere, or the time is up. */
static void settle(struct book *book, int seconds)
{
    int64_t end = book_now_us() + (int64_t)seconds * 1000000;
    while (book_missing(book) > 0 && book_now_us() < end)
        sleep_ms(200);
    sleep_ms(1000); /* late doubles */
}

/* Waits until every user was sent all its messages, or the time is up. Returns how many the one
 * with the fewest got. */
static int await_sent(struct book *book, int messages, int seconds)
{
    int64_t end = book_now_us() + (int64_t)seconds * 1000000;
    int least;
    while ((least = book_sent_least(book)) < messages && book_now_us() < end)
        sleep_ms(50);
    return least;
}

static void obey(
    struct book *book, struct clients *clients, struct senders *senders, int messages_max)
{
    char line[200];
    while (fgets(line, sizeof line, stdin) != NULL) {
        int percent, ms = 0, node, seconds;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "phase ", 6) == 0) {
            book_start_phase(book, line + 6);
        } else if (sscanf(line, "cut %d %d", &percent, &ms) == 2 ||
                   sscanf(line, "cut %d", &percent) == 1) {
            clients_cut(clients, percent, ms);
        } else if (sscanf(line, "stall %d %d", &percent, &ms) == 2) {
            clients_stall(clients, percent, ms);
        } else if (strcmp(line, "pause") == 0 || strcmp(line, "resume") == 0) {
            senders_pause(senders, line[0] == 'p');
        } else if (strcmp(line, "ended") == 0) {
            printf("ended %lld\n", (long long)clients_ended(clients));
        } else if (strcmp(line, "online") == 0) {
            printf("online %d\n", clients_online(clients));
        } else if (sscanf(line, "sent %d", &seconds) == 1) {
            printf("sent %d\n", await_sent(book, messages_max, seconds));
        } else if (sscanf(line, "use %d", &node) == 1) {
            clients_use(clients, node);
        } else if (strcmp(line, "mark") == 0) {
            clients_mark(clients);
        } else if (strcmp(line, "back") == 0) {
            clients_report_back(clients, stdout);
        } else if (strcmp(line, "stop") == 0) {
            return;
        } else {
            fprintf(stderr, "ledger: what is `%s`?\n", line);
        }
    }
}

int main(int argc, char **argv)
{
    struct settings s = {.users = 100,
        .clients_per_user = 2,
        .threads = 8,
        .messages_max = 5000,
        .settle_s = 60,
        .rate = 300,
        .backoff_max_ms = 5000,
        .resume = true,
        .at_once = 500,
        .only_node = -1};
    char run[32];
    pthread_t thread;
    parse(argc, argv, &s);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(run, sizeof run, "%lld", (long long)time(NULL));

    struct book *book = book_create(s.users, s.clients_per_user, s.messages_max);
    struct clients *clients = clients_create(&(struct clients_options){.book = book,
        .nodes = s.nodes,
        .node_count = s.node_count,
        .users = s.users,
        .clients_per_user = s.clients_per_user,
        .backoff_min_ms = 500,
        .backoff_max_ms = s.backoff_max_ms,
        .cut_every_ms = s.cut_every_ms,
        .cut_for_ms = s.cut_for_ms,
        .silence_max_ms = s.silence_max_ms,
        .resume = s.resume,
        .topics = s.topics,
        .first_user = s.first_user,
        .receive_buffer = s.receive_buffer,
        .at_once = s.at_once,
        .only_node = s.only_node});
    struct senders *senders = senders_create(&(struct senders_options){.book = book,
        .urls = s.urls,
        .url_count = s.url_count,
        .key = s.key,
        .run = run,
        .users = s.users,
        .threads = s.threads,
        .topics = s.topics,
        .first_user = s.first_user,
        .pad_bytes = s.pad_bytes,
        .rate = s.rate});
    if (clients == NULL || senders == NULL)
        return 2;
    pthread_create(&thread, NULL, run_clients, clients);
    while (clients_placed(clients) < s.users * s.clients_per_user)
        sleep_ms(20);
    sleep_ms(1000);
    printf("connected\n");
    senders_start(senders);
    obey(book, clients, senders, s.messages_max);
    int gave_up = senders_stop(senders, 30);
    settle(book, s.settle_s);
    bool whole = book_report(book, stdout);
    senders_report(senders, stdout);
    clients_report(clients, stdout);
    clients_stop(clients);
    pthread_join(thread, NULL);
    clients_destroy(clients);
    senders_destroy(senders);
    book_destroy(book);
    return whole && gave_up == 0 ? 0 : 1;
}
