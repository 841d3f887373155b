/* libcurl, loaded when the first client is made; where the build does not name the library's file, it is
 * linked as usual. For the HTTP client alone. */
#ifndef TAGUA_CLIENT_LATE_H
#define TAGUA_CLIENT_LATE_H

#include <curl/curl.h>

#include "error.h"

/* Before anything else of the library is called. -1 with *error (EIO). */
int tagua_curl_load(struct tagua_error *error);

#ifdef TAGUA_LATE_CURL

#define CURL_FUNCTIONS(F) \
    F(curl_easy_cleanup) \
    F(curl_easy_getinfo) \
    F(curl_easy_header) \
    F(curl_easy_init) \
    F(curl_easy_setopt) \
    F(curl_easy_strerror) \
    F(curl_free) \
    F(curl_global_init) \
    F(curl_multi_add_handle) \
    F(curl_multi_cleanup) \
    F(curl_multi_fdset) \
    F(curl_multi_info_read) \
    F(curl_multi_init) \
    F(curl_multi_perform) \
    F(curl_multi_poll) \
    F(curl_multi_remove_handle) \
    F(curl_multi_setopt) \
    F(curl_multi_strerror) \
    F(curl_multi_timeout) \
    F(curl_slist_append) \
    F(curl_slist_free_all) \
    F(curl_url) \
    F(curl_url_cleanup) \
    F(curl_url_get) \
    F(curl_url_set) \
    F(curl_version_info)

#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt

#define CURL_FIELD(name) __typeof__(name) *late_##name;

extern struct tagua_curl {
    CURL_FUNCTIONS(CURL_FIELD)
} tagua_curl;

#define curl_easy_cleanup tagua_curl.late_curl_easy_cleanup
#define curl_easy_getinfo tagua_curl.late_curl_easy_getinfo
#define curl_easy_header tagua_curl.late_curl_easy_header
#define curl_easy_init tagua_curl.late_curl_easy_init
#define curl_easy_setopt tagua_curl.late_curl_easy_setopt
#define curl_easy_strerror tagua_curl.late_curl_easy_strerror
#define curl_free tagua_curl.late_curl_free
#define curl_global_init tagua_curl.late_curl_global_init
#define curl_multi_add_handle tagua_curl.late_curl_multi_add_handle
#define curl_multi_cleanup tagua_curl.late_curl_multi_cleanup
#define curl_multi_fdset tagua_curl.late_curl_multi_fdset
#define curl_multi_info_read tagua_curl.late_curl_multi_info_read
#define curl_multi_init tagua_curl.late_curl_multi_init
#define curl_multi_perform tagua_curl.late_curl_multi_perform
#define curl_multi_poll tagua_curl.late_curl_multi_poll
#define curl_multi_remove_handle tagua_curl.late_curl_multi_remove_handle
#define curl_multi_setopt tagua_curl.late_curl_multi_setopt
#define curl_multi_strerror tagua_curl.late_curl_multi_strerror
#define curl_multi_timeout tagua_curl.late_curl_multi_timeout
#define curl_slist_append tagua_curl.late_curl_slist_append
#define curl_slist_free_all tagua_curl.late_curl_slist_free_all
#define curl_url tagua_curl.late_curl_url
#define curl_url_cleanup tagua_curl.late_curl_url_cleanup
#define curl_url_get tagua_curl.late_curl_url_get
#define curl_url_set tagua_curl.late_curl_url_set
#define curl_version_info tagua_curl.late_curl_version_info

#endif
#endif
