/* libcurl's multi interface and nothing else: the bound that the engine is compared with. Sends the
 * same POST over and over, `flying` at a time on kept connections, and counts the answers.
 *
 *     bare_curl URL FLYING SECONDS  ->  requests a second, CPU seconds for 1,000 of them */
#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define FLYING_MAX 256

struct transfer {
    char answer[1024];
    size_t length;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double processor(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    size_t length = size * count;
    if (length > sizeof transfer->answer - transfer->length)
        return 0;
    memcpy(transfer->answer + transfer->length, bytes, length);
    transfer->length += length;
    return length;
}

int main(int count, char **arguments)
{
    static struct transfer transfers[FLYING_MAX];
    static const char body[] = "{\"bot_raw_uid\":\"U21ab30ccce78feb456048adeb80cf00a\",\"bot_pid\":"
                               "\"test_audi\",\"bot_channel\":1,\"bot_tag_id\":\"tag-1\"}";
    if (count != 4) {
        fprintf(stderr, "usage: bare_curl URL FLYING SECONDS\n");
        return 2;
    }
    int flying = atoi(arguments[2]);
    double seconds = atof(arguments[3]);
    if (flying < 1 || flying > FLYING_MAX)
        return 2;
    curl_global_init(CURL_GLOBAL_ALL);
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Authorization: Bearer 0123456789abcdef0123456789abcdef");
    for (int i = 0; i < flying; i++) {
        CURL *easy = curl_easy_init();
        curl_easy_setopt(easy, CURLOPT_URL, arguments[1]);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfers[i]);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfers[i]);
        curl_multi_add_handle(multi, easy);
    }
    long done = 0, wrong = 0;
    double began = now(), until = began + seconds;
    while (now() < until) {
        int running, left;
        CURLMsg *message;
        curl_multi_perform(multi, &running);
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            CURL *easy = message->easy_handle;
            struct transfer *transfer;
            long status = 0;
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
            if (message->data.result != CURLE_OK || status != 200)
                wrong++;
            done++;
            transfer->length = 0;
            curl_multi_remove_handle(multi, easy);
            curl_multi_add_handle(multi, easy);
        }
        curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    double took = now() - began;
    printf("%.0f %.2f\n", (double)done / took, processor() * 1e6 / (double)(done > 0 ? done : 1));
    return wrong == 0 ? 0 : 1;
}
