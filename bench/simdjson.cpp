// How fast simdjson parses lines of JSON, and nothing more: each line into its document, the file
// in memory beforehand.
//   bench/simdjson USERS.jsonl -> processor seconds, and how many lines
#include <simdjson.h>

#include <cstdio>
#include <cstring>
#include <ctime>

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    simdjson::padded_string text;
    if (simdjson::padded_string::load(argv[1]).get(text))
        return 1;
    simdjson::dom::parser parser;
    const clock_t began = clock();
    const char *at = text.data(), *end = at + text.size();
    size_t lines = 0;
    while (at < end) {
        const char *stop = static_cast<const char *>(memchr(at, '\n', (size_t)(end - at)));
        if (stop == nullptr)
            stop = end;
        simdjson::dom::element user;
        if (parser.parse(at, (size_t)(stop - at), false).get(user))
            return 1;
        lines++;
        at = stop + 1;
    }
    printf("%.4f %zu\n", (double)(clock() - began) / CLOCKS_PER_SEC, lines);
    return 0;
}
