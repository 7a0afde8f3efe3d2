/*
 * wsctl token: makes a token as a backend would, by the configuration of the nodes that are to
 * accept it. What comes out is verified by that configuration before it is printed.
 */
#include <getopt.h>
#include <inttypes.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/id.h"
#include "shared/option.h"
#include "shared/parse.h"
#include "shared/token.h"
#include "wsctl/wsctl.h"

#define TOPICS_MAX 32
#define CLAIMS_BYTES_MAX 8192
#define PEM_BYTES_MAX 16384
#define DEFAULT_LIFETIME_MS 3600000

struct wish {
    const char *config_path;
    const char *user;
    const char *server_client;
    const char *page;
    const char *topics[TOPICS_MAX];
    size_t topic_count;
    const char *id;  /* NULL: a random one */
    const char *kid; /* NULL: the only key's */
    const char *key_path;
    int64_t lifetime_ms;
};

static void print_usage(FILE *out)
{
    fputs("usage: wsctl token [-c FILE] --user ID [OPTION]…\n\n"
          "  -c, --config FILE       settings of the nodes, as wsnode has them\n"
          "      --user ID           whose token it is\n"
          "      --server-client ID  only for this application\n"
          "      --page ID           only for this page\n"
          "      --topic PATTERN     may subscribe to these topics; may be repeated\n"
          "      --expires TIME      how long it lasts (30s, 1h; default 1h)\n"
          "      --id ID             its jti; a random one unless given\n"
          "      --kid ID            which key of token.keys; needed if there are several\n"
          "      --key FILE          private key in PEM; RS256 and ES256 need it\n"
          "      --help              print this, and exit\n\n"
          "Prints the token. It is as good as a login: do not leave it in logs.\n",
        out);
}

static int complain(const char *what)
{
    fprintf(stderr, "wsctl token: %s\n", what);
    return WSCTL_FAILED;
}

enum {
    OPT_HELP = 1000,
    OPT_USER,
    OPT_SERVER_CLIENT,
    OPT_PAGE,
    OPT_TOPIC,
    OPT_EXPIRES,
    OPT_ID,
    OPT_KID,
    OPT_KEY
};

static const char **place_of(struct wish *w, int option)
{
    switch (option) {
    case 'c':
        return &w->config_path;
    case OPT_USER:
        return &w->user;
    case OPT_SERVER_CLIENT:
        return &w->server_client;
    case OPT_PAGE:
        return &w->page;
    case OPT_TOPIC:
        return w->topic_count < TOPICS_MAX ? &w->topics[w->topic_count++] : NULL;
    case OPT_ID:
        return &w->id;
    case OPT_KID:
        return &w->kid;
    case OPT_KEY:
        return &w->key_path;
    default:
        return NULL;
    }
}

/* false: the command line makes no sense, and that has been said. */
static bool take_option(struct wish *w, int option, const char *value)
{
    if (option == OPT_EXPIRES) {
        bool is_good =
            parse_duration_ms(slice_of(value), &w->lifetime_ms) == ERR_OK && w->lifetime_ms > 0;
        if (!is_good) {
            (void)complain("--expires needs a duration such as 30s or 1h");
        }
        return is_good;
    }
    const char **place = place_of(w, option);
    if (place) {
        *place = value;
    } else if (option != '?') { /* getopt has told of '?' */
        (void)complain("too many topics");
    }
    return place != NULL;
}

/* < 0: go on; else the exit status. */
static int parse_arguments(int argc, char **argv, struct wish *w)
{
    static const struct option long_options[] = {{"config", required_argument, NULL, 'c'},
        {"user", required_argument, NULL, OPT_USER},
        {"server-client", required_argument, NULL, OPT_SERVER_CLIENT},
        {"page", required_argument, NULL, OPT_PAGE}, {"topic", required_argument, NULL, OPT_TOPIC},
        {"expires", required_argument, NULL, OPT_EXPIRES}, {"id", required_argument, NULL, OPT_ID},
        {"kid", required_argument, NULL, OPT_KID}, {"key", required_argument, NULL, OPT_KEY},
        {"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "c:", long_options, NULL)) != -1) {
        if (option == OPT_HELP) {
            print_usage(stdout);
            return WSCTL_OK;
        }
        if (!take_option(w, option, optarg)) {
            print_usage(stderr);
            return WSCTL_BAD_USAGE;
        }
    }
    if (optind < argc || !w->user) {
        print_usage(stderr);
        return WSCTL_BAD_USAGE;
    }
    return -1;
}

static void add_member(struct buf *out, const char *name, const char *value)
{
    if (value && *value) {
        buf_addf(out, ",\"%s\":", name);
        buf_add_json_string(out, value, strlen(value));
    }
}

static void encode_claims(const struct wish *w, const struct config *c, struct buf *out)
{
    char random_id[SESSION_ID_BYTES];
    int64_t now_ms = clock_wall_ms();

    id_random(random_id, sizeof(random_id));
    buf_addf(out, "{\"iat\":%" PRId64 ",\"exp\":%" PRId64, now_ms / 1000,
        (now_ms + w->lifetime_ms) / 1000);
    add_member(out, "sub", w->user);
    add_member(out, "iss", c->token_issuer);
    add_member(out, "aud", c->token_audience);
    add_member(out, "serverClient", w->server_client);
    add_member(out, "page", w->page);
    add_member(out, "jti", w->id ? w->id : random_id);
    for (size_t i = 0; i < w->topic_count; i++) {
        buf_add_str(out, i == 0 ? ",\"topics\":[" : ",");
        buf_add_json_string(out, w->topics[i], strlen(w->topics[i]));
    }
    buf_add_str(out, w->topic_count > 0 ? "]}" : "}");
}

/* The secret, or the private key as PEM. */
static enum err read_signing_key(const struct wish *w, const struct token_verifier *v,
    const struct token_key *key, struct buf *out, struct problem *p)
{
    char piece[4096];
    size_t got;

    if (v->keys.algorithm == TOKEN_HS256) {
        buf_add(out, key->bytes.bytes, key->bytes.len);
        return buf_err(out);
    }
    FILE *file = w->key_path ? fopen(w->key_path, "re") : NULL;
    if (!file) {
        return problem_set(p, ERR_BAD_VALUE, "",
            w->key_path ? "--key: the file cannot be opened"
                        : "token.algorithm needs the private key: --key FILE");
    }
    while (!buf_err(out) && (got = fread(piece, 1, sizeof(piece), file)) > 0) {
        buf_add(out, piece, got);
    }
    (void)fclose(file); /* it was only read: nothing is lost */
    return buf_err(out);
}

/* The caller frees the token; NULL: libjwt does not take the key. */
static char *sign(enum token_algorithm algorithm, const struct buf *signing_key, const char *kid,
    const char *claims)
{
    static const jwt_alg_t algs[] = {[TOKEN_HS256] = JWT_ALG_HS256,
        [TOKEN_RS256] = JWT_ALG_RS256,
        [TOKEN_ES256] = JWT_ALG_ES256};
    jwt_t *jwt = NULL;
    char *token = NULL;

    if (jwt_new(&jwt)) {
        return NULL;
    }
    if (!jwt_add_grants_json(jwt, claims) && !jwt_add_header(jwt, "kid", kid) &&
        !jwt_set_alg(jwt, algs[algorithm], (const unsigned char *)buf_str(signing_key),
            (int)signing_key->len)) {
        token = jwt_encode_str(jwt);
    }
    jwt_free(jwt);
    return token;
}

static enum err make(
    const struct wish *w, const struct token_verifier *v, char **out, struct problem *p)
{
    struct slice kid = {w->kid, w->kid ? strlen(w->kid) : 0};
    const struct token_key *key = token_keys_find(&v->keys, kid);
    struct buf signing_key;
    struct buf claims;

    if (!key) {
        return problem_set(
            p, ERR_BAD_VALUE, "", w->kid ? "no such key" : "there are several keys: --kid ID");
    }
    buf_init(&signing_key, PEM_BYTES_MAX);
    buf_init(&claims, CLAIMS_BYTES_MAX);
    enum err err = read_signing_key(w, v, key, &signing_key, p);
    if (!err) {
        encode_claims(w, v->config, &claims);
        *out = sign(v->keys.algorithm, &signing_key, key->id, buf_str(&claims));
        err = *out ? ERR_OK : problem_set(p, ERR_BAD_VALUE, "", "the key cannot sign");
    }
    buf_finish(&signing_key);
    buf_finish(&claims);
    return err;
}

/* By what the nodes know: also the public key must fit. */
static enum err make_and_verify(
    const struct wish *w, const struct config *c, char **out, struct problem *p)
{
    struct token_verifier v;
    struct token ignored;
    char *text = NULL;

    enum err err = token_verifier_init(&v, c, p);
    if (err) {
        return err;
    }
    err = make(w, &v, &text, p);
    if (!err) {
        err = token_verify(&v, slice_of(text), clock_wall_ms(), &ignored, p);
    }
    token_verifier_finish(&v);
    if (err) {
        free(text);
        return err;
    }
    *out = text;
    return ERR_OK;
}

int token_run(int argc, char **argv)
{
    struct wish wish = {.lifetime_ms = DEFAULT_LIFETIME_MS};
    struct config config;
    struct problem p = {.err = ERR_OK};
    char *token = NULL;

    int status = parse_arguments(argc, argv, &wish);
    if (status >= 0) {
        return status;
    }
    if (config_load(&config, wish.config_path, PROGRAM_NODE, &p)) {
        return complain(p.msg);
    }
    if (config.node_auth != NODE_AUTH_TOKEN) {
        status = complain("these nodes ask for no token: node.auth is not token");
    } else if (make_and_verify(&wish, &config, &token, &p)) {
        status = complain(p.msg);
    } else {
        status = puts(token) < 0 ? WSCTL_FAILED : WSCTL_OK;
    }
    free(token);
    config_finish(&config);
    return status;
}
