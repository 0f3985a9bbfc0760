/* An independent Modbus/TCP server: libmodbus with COUNT holding registers from START on, preset from the command
 * line. Prints its port, serves one connection to its end, then prints the registers as JSON. It knows the meaning of
 * no register.
 *
 *   libmodbus_server MODE START COUNT [WORD...]     MODE is `plain`, or `busy`: every request gets exception 06,
 *                                                   or `image`: see below
 *   libmodbus_server image START COUNT FILE RULE... the words stand in FILE; a RULE is `tick:A` (register A grows with
 *                                                   every request) or `echo:A:B` (register B shows what A holds, once
 *                                                   A was written) */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RULES_MAX = 32 };

struct rule {
    int is_tick;
    unsigned from, to;
};

static struct rule rules[RULES_MAX];
static int rule_count;

static int read_rules(int count, char **texts)
{
    for (int i = 0; i < count && rule_count < RULES_MAX; i++) {
        struct rule *rule = &rules[rule_count++];
        if (sscanf(texts[i], "tick:%u", &rule->from) == 1)
            rule->is_tick = 1;
        else if (sscanf(texts[i], "echo:%u:%u", &rule->from, &rule->to) != 2)
            return -1;
    }
    return count <= RULES_MAX ? 0 : -1;
}

static int read_words(const char *path, uint16_t *words, unsigned count)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -1;
    unsigned word, done = 0;
    while (done < count && fscanf(file, "%u", &word) == 1)
        words[done++] = (uint16_t)word;
    fclose(file);
    return done == count ? 0 : -1;
}

/* Function 16: body of the request behind the envelope of seven bytes. */
static int is_write_of(const uint8_t *request, unsigned address)
{
    unsigned first = (unsigned)(request[8] << 8 | request[9]), size = (unsigned)(request[10] << 8 | request[11]);
    return request[7] == MODBUS_FC_WRITE_MULTIPLE_REGISTERS && address >= first && address < first + size;
}

static void apply_rules(const uint8_t *request, uint16_t *words, unsigned start)
{
    for (int i = 0; i < rule_count; i++) {
        if (rules[i].is_tick)
            words[rules[i].from - start]++;
        else if (is_write_of(request, rules[i].from))
            words[rules[i].to - start] = words[rules[i].from - start];
    }
}

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
    if (strcmp(arguments[1], "image") == 0) {
        if (count < 5 || read_words(arguments[4], held->tab_registers, registers) || read_rules(count - 5, arguments + 5)) {
            fprintf(stderr, "no image of %u words, or a rule that is none\n", registers);
            return 2;
        }
    } else {
        for (int i = 4; i < count && (unsigned)(i - 4) < registers; i++)
            held->tab_registers[i - 4] = (uint16_t)atoi(arguments[i]);
    }
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
        apply_rules(request, held->tab_registers, start);
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
