#include "tests/unit/fake_vmcs.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct {
	uint64_t value;
	unsigned writes;
	bool set;
} fields[0x8000];
static unsigned all_writes;

void fake_vmcs_reset(void)
{
	memset(fields, 0, sizeof(fields));
	all_writes = 0;
}

static void check(enum vmcs_field field)
{
	switch (field) {
#define X(name, encoding) case (encoding):
		VMCS_FIELDS(X)
#undef X
		return;
	}
	fail_msg("VMCS field %#x does not exist", (unsigned)field);
}

void fake_vmcs_set(enum vmcs_field field, uint64_t value)
{
	check(field);
	fields[field].set = true;
	fields[field].value = value;
}

uint64_t fake_vmcs_get(enum vmcs_field field)
{
	check(field);
	if (!fields[field].set)
		fail_msg("VMCS field %#x is not set", (unsigned)field);
	return fields[field].value;
}

bool fake_vmcs_is_set(enum vmcs_field field)
{
	check(field);
	return fields[field].set;
}

unsigned fake_vmcs_writes(enum vmcs_field field)
{
	return fields[field].writes;
}

unsigned fake_vmcs_all_writes(void)
{
	return all_writes;
}

bool vmread_safe(enum vmcs_field field, uint64_t *value)
{
	if (!fake_vmcs_is_set(field))
		return false;
	*value = fake_vmcs_get(field);
	return true;
}

uint64_t vmread_from(enum vmcs_field field, UNUSED const char *caller)
{
	return fake_vmcs_get(field);
}

void vmwrite_from(enum vmcs_field field, uint64_t value, UNUSED const char *caller)
{
	/* A 32-bit field keeps 32 bits, a 16-bit field 16 (SDM 3C 24.11.2). */
	if (VMCS_WIDTH(field) == VMCS_32)
		value = (uint32_t)value;
	else if (VMCS_WIDTH(field) == VMCS_16)
		value = (uint16_t)value;
	fake_vmcs_set(field, value);
	fields[field].writes++;
	all_writes++;
}
