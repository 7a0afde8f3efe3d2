/* What clients choose does not choose its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "wsnode/hash.h"

/* The example of the paper's appendix A. */
static void hash_is_siphash_2_4(void **state)
{
    const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    unsigned char bytes[15];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)i;
    }
    assert_true(hash_with(key, bytes, sizeof(bytes)) == 0xa129ca6149be45e5);
}

static void every_byte_counts(void **state)
{
    const struct hash_key key = {1, 2};
    unsigned char bytes[20] = {0};

    (void)state;
    for (size_t len = 0; len < sizeof(bytes); len++) {
        uint64_t before = hash_with(key, bytes, len);

        assert_true(hash_with(key, bytes, len + 1) != before);
        for (size_t i = 0; i < len; i++) {
            bytes[i] ^= 1;
            assert_true(hash_with(key, bytes, len) != before);
            bytes[i] ^= 1;
        }
    }
}

static uint64_t hash_in_another_process(void)
{
    uint64_t hash = 0;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        hash = hash_of("topic", 5);
        _exit(write(ends[1], &hash, sizeof(hash)) != sizeof(hash));
    }
    assert_int_equal(read(ends[0], &hash, sizeof(hash)), sizeof(hash));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ends[0]);
    close(ends[1]);
    return hash;
}

static void each_process_has_a_key_of_its_own(void **state)
{
    (void)state;
    assert_true(hash_in_another_process() != hash_in_another_process());
    assert_true(hash_of("topic", 5) == hash_of("topic", 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_siphash_2_4),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(each_process_has_a_key_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
