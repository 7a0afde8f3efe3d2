/*
 * FastCGI records: byte by byte they are judged as they are in one piece.
 */
#include "fcgi-send/records.h"

#include "tests/fuzz/fuzz.h"

void fuzz(struct slice input)
{
    struct records whole = {0}, pieces = {0};
    size_t at = 0;

    bool is_good = records_check(&whole, input);
    while (at < input.len && records_check(&pieces, (struct slice){input.at + at, 1})) {
        assert(pieces.parameter_left <= 2 * RECORDS_PARAMETER_BYTES_MAX);
        at++;
    }
    assert(is_good == (at == input.len));
    assert(!is_good || memcmp(&whole, &pieces, sizeof(whole)) == 0);
}
