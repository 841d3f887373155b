/* libmicrohttpd, loaded when the first server is started; where the build does not name the library's file, it is
 * linked as usual. For the HTTP server alone. */
#ifndef TAGUA_SERVER_LATE_H
#define TAGUA_SERVER_LATE_H

#include <microhttpd.h>

#include "error.h"

/* Before anything else of the library is called. -1 with *error (EIO). */
int tagua_microhttpd_load(struct tagua_error *error);

#ifdef TAGUA_LATE_MICROHTTPD

#define MICROHTTPD_FUNCTIONS(F) \
    F(MHD_add_response_header) \
    F(MHD_create_response_from_buffer) \
    F(MHD_create_response_from_callback) \
    F(MHD_destroy_response) \
    F(MHD_get_connection_info) \
    F(MHD_get_connection_values) \
    F(MHD_get_daemon_info) \
    F(MHD_get_timeout) \
    F(MHD_lookup_connection_value) \
    F(MHD_queue_response) \
    F(MHD_quiesce_daemon) \
    F(MHD_resume_connection) \
    F(MHD_run) \
    F(MHD_start_daemon) \
    F(MHD_stop_daemon) \
    F(MHD_suspend_connection)


#define MICROHTTPD_FIELD(name) __typeof__(name) *late_##name;

extern struct tagua_microhttpd {
    MICROHTTPD_FUNCTIONS(MICROHTTPD_FIELD)
} tagua_microhttpd;

#define MHD_add_response_header tagua_microhttpd.late_MHD_add_response_header
#define MHD_create_response_from_buffer tagua_microhttpd.late_MHD_create_response_from_buffer
#define MHD_create_response_from_callback tagua_microhttpd.late_MHD_create_response_from_callback
#define MHD_destroy_response tagua_microhttpd.late_MHD_destroy_response
#define MHD_get_connection_info tagua_microhttpd.late_MHD_get_connection_info
#define MHD_get_connection_values tagua_microhttpd.late_MHD_get_connection_values
#define MHD_get_daemon_info tagua_microhttpd.late_MHD_get_daemon_info
#define MHD_get_timeout tagua_microhttpd.late_MHD_get_timeout
#define MHD_lookup_connection_value tagua_microhttpd.late_MHD_lookup_connection_value
#define MHD_queue_response tagua_microhttpd.late_MHD_queue_response
#define MHD_quiesce_daemon tagua_microhttpd.late_MHD_quiesce_daemon
#define MHD_resume_connection tagua_microhttpd.late_MHD_resume_connection
#define MHD_run tagua_microhttpd.late_MHD_run
#define MHD_start_daemon tagua_microhttpd.late_MHD_start_daemon
#define MHD_stop_daemon tagua_microhttpd.late_MHD_stop_daemon
#define MHD_suspend_connection tagua_microhttpd.late_MHD_suspend_connection

#endif
#endif
