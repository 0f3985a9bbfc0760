/* An independent Modbus/TCP server: libmodbus with COUNT holding registers from START on, preset from the command
 * line. Prints its port, serves one connection to its end, then prints the registers as JSON.
 *
 *   libmodbus_server MODE START COUNT [WORD...]     MODE is `plain`, or `busy`: every request gets exception 06 */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int port_of(int listener)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        return -1;
    return ntohs(address.sin_port);
}

int main(int count, char **arguments)
{
    if (count < 4) {
        fprintf(stderr, "libmodbus_server MODE START COUNT [WORD...]\n");
        return 2;
    }
    int is_busy = strcmp(arguments[1], "busy") == 0;
    unsigned start = (unsigned)atoi(arguments[2]), registers = (unsigned)atoi(arguments[3]);
    modbus_t *link = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *held = modbus_mapping_new_start_address(0, 0, 0, 0, start, registers, 0, 0);
    if (link == NULL || held == NULL) {
        fprintf(stderr, "no server: %s\n", modbus_strerror(errno));
        return 1;
    }
    for (int i = 4; i < count && (unsigned)(i - 4) < registers; i++)
        held->tab_registers[i - 4] = (uint16_t)atoi(arguments[i]);
    int listener = modbus_tcp_listen(link, 1);
    if (listener < 0) {
        fprintf(stderr, "no port: %s\n", modbus_strerror(errno));
        return 1;
    }
    printf("port %d\n", port_of(listener));
    fflush(stdout);
    if (modbus_tcp_accept(link, &listener) < 0) {
        fprintf(stderr, "no client: %s\n", modbus_strerror(errno));
        return 1;
    }
    uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
    int got;
    while ((got = modbus_receive(link, request)) >= 0) {
        if (got == 0)
            continue;
        if (is_busy)
            modbus_reply_exception(link, request, MODBUS_EXCEPTION_SLAVE_OR_SERVER_BUSY);
        else
            modbus_reply(link, request, got, held);
    }
    printf("registers [");
    for (unsigned i = 0; i < registers; i++)
        printf("%s%u", i ? ", " : "", held->tab_registers[i]);
    printf("]\n");
    close(listener);
    modbus_mapping_free(held);
    modbus_free(link);
    return 0;
}
