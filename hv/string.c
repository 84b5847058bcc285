/*
 * Byte strings. The loops are string instructions, so that no compiler can turn one back into a
 * call of the function that it is in.
 */
#include "hv/string.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t size)
{
	void *d = dst;
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(size) : : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
	const char *from = src;
	char *to = dst;

	if (to <= from || to >= from + size)
		return memcpy(dst, src, size);
	from += size - 1;
	to += size - 1;
	__asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
	return dst;
}

void *memset(void *dst, int byte, size_t size)
{
	void *d = dst;
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(byte) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a;
	const unsigned char *y = b;

	for (size_t i = 0; i < size; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t length = 0;

	while (s[length])
		length++;
	return length;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}
