/* An independent Modbus/TCP client: carries out the operations of its command line with libmodbus, in order and on
 * one connection, and prints what came of each as a JSON array. It knows no register: addresses come from outside.
 *
 *   libmodbus_reader HOST PORT UNIT OPERATION...
 *     r:ADDRESS:COUNT          function 3       {"words": [...]}
 *     w:ADDRESS:WORD,WORD,...  function 16      {"written": COUNT}
 *     x:HEX                    a body as it is  {"body": "HEX"}
 *   A refusal is {"exception": CODE}; anything else that goes wrong ends the program with 1. */
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 125, BODY_MAX = 253, ENVELOPE = 7 };

static int fail(const char *operation)
{
    int code = errno - MODBUS_ENOBASE;
    if (code > 0 && code < MODBUS_EXCEPTION_MAX) {
        printf("{\"exception\": %d}", code);
        return 0;
    }
    fprintf(stderr, "%s: %s\n", operation, modbus_strerror(errno));
    return 1;
}

static int read_words(modbus_t *link, const char *operation)
{
    uint16_t words[WORDS_MAX];
    unsigned address = 0, count = 0;
    if (sscanf(operation, "r:%u:%u", &address, &count) != 2 || count > WORDS_MAX) {
        fprintf(stderr, "%s: not r:ADDRESS:COUNT\n", operation);
        return 1;
    }
    if (modbus_read_registers(link, (int)address, (int)count, words) != (int)count)
        return fail(operation);
    printf("{\"words\": [");
    for (unsigned i = 0; i < count; i++)
        printf("%s%u", i ? ", " : "", words[i]);
    printf("]}");
    return 0;
}

static int write_words(modbus_t *link, const char *operation)
{
    uint16_t words[WORDS_MAX];
    char *rest = NULL;
    unsigned long address = strtoul(operation + 2, &rest, 10);
    int count = 0;
    while (*rest != '\0' && count < WORDS_MAX)
        words[count++] = (uint16_t)strtoul(rest + 1, &rest, 10);
    if (modbus_write_registers(link, (int)address, count, words) != count)
        return fail(operation);
    printf("{\"written\": %d}", count);
    return 0;
}

static int send_body(modbus_t *link, int unit, const char *operation)
{
    uint8_t request[BODY_MAX + 1], reply[MODBUS_TCP_MAX_ADU_LENGTH];
    int size = 0;
    request[size++] = (uint8_t)unit;
    for (const char *hex = operation + 2; hex[0] && hex[1] && size <= BODY_MAX; hex += 2) {
        char digits[3] = {hex[0], hex[1], 0};
        request[size++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    if (modbus_send_raw_request(link, request, size) < 0)
        return fail(operation);
    int got = modbus_receive_confirmation(link, reply);
    if (got < ENVELOPE)
        return fail(operation);
    printf("{\"body\": \"");
    for (int i = ENVELOPE; i < got; i++)
        printf("%02x", reply[i]);
    printf("\"}");
    return 0;
}

int main(int count, char **arguments)
{
    if (count < 4) {
        fprintf(stderr, "libmodbus_reader HOST PORT UNIT OPERATION...\n");
        return 2;
    }
    int unit = atoi(arguments[3]);
    modbus_t *link = modbus_new_tcp(arguments[1], atoi(arguments[2]));
    if (link == NULL || modbus_set_slave(link, unit) != 0 || modbus_connect(link) != 0) {
        fprintf(stderr, "no connection: %s\n", modbus_strerror(errno));
        return 1;
    }
    int result = 0;
    printf("[");
    for (int i = 4; i < count && result == 0; i++) {
        if (i > 4)
            printf(",\n");
        switch (arguments[i][0]) {
        case 'r': result = read_words(link, arguments[i]); break;
        case 'w': result = write_words(link, arguments[i]); break;
        default: result = send_body(link, unit, arguments[i]); break;
        }
    }
    printf("]\n");
    modbus_close(link);
    modbus_free(link);
    return result;
}
