// How fast simdjson parses lines of JSON, and nothing more: each line into its document, the file
// in memory beforehand.
//   bench/simdjson USERS.jsonl -> seconds, and how many lines
#include <simdjson.h>

#include <chrono>
#include <cstdio>
#include <cstring>

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    simdjson::padded_string text;
    if (simdjson::padded_string::load(argv[1]).get(text))
        return 1;
    simdjson::dom::parser parser;
    const auto began = std::chrono::steady_clock::now();
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
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    printf("%.4f %zu\n", took.count(), lines);
    return 0;
}
