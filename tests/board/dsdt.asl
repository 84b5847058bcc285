/*
 * The test board as Bochs's i440FX and PIIX4 make it, for an operating system: one PCI root with
 * its windows and interrupt routing, the ISA devices that Linux looks for, and S5 (power off).
 * Compiled by iasl and installed by acpi.c.
 */
DefinitionBlock ("", "DSDT", 2, "PLINTH", "BOCHS", 1)
{
	/* SLP_TYP 0 is the PIIX4's soft power off. */
	Name (\_S5, Package () { 0, 0, 0, 0 })

	/* 1: interrupts arrive through the IOAPIC. Only that is routed here. */
	Method (\_PIC, 1) {}

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_BBN, 0)

			/* CMOS 0x34 and 0x35: memory above 16 MiB and below 4 GiB, in units of 64 KiB. */
			OperationRegion (CMOS, SystemIO, 0x70, 2)
			Field (CMOS, ByteAcc, NoLock, Preserve) { INDX, 8, DATA, 8 }
			IndexField (INDX, DATA, ByteAcc, NoLock, Preserve)
			{
				Offset (0x34),
				MEML, 8,
				MEMH, 8
			}

			Name (WIND, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0x0000, 0x00ff, 0, 0x0100)
				IO (Decode16, 0x0cf8, 0x0cf8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x0000, 0x0cf7, 0, 0x0cf8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x0d00, 0xffff, 0, 0xf300)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					Cacheable, ReadWrite,
					0, 0x000a0000, 0x000bffff, 0, 0x00020000)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0x80000000, 0xfebfffff, 0, 0x7ec00000)
			})

			/*
			 * The window above memory begins where the memory below 4 GiB ends: change _MIN and
			 * _LEN of the last descriptor (26 bytes, before the end tag of 2).
			 */
			Method (_CRS, 0, Serialized)
			{
				CreateDWordField (WIND, SizeOf (WIND) - 18, BASE)
				CreateDWordField (WIND, SizeOf (WIND) - 6, SIZE)
				Local0 = ((MEMH << 24) | (MEML << 16)) + 0x01000000
				If (Local0 > BASE)
				{
					BASE = Local0
					SIZE = 0xfec00000 - Local0
				}
				Return (WIND)
			}

			/* Pin p (0: INTA) of device d is PIRQ (d + p - 1) & 3, which is GSI 16 and up. */
			Name (_PRT, Package ()
			{
				Package () { 0x0001ffff, 0, 0, 16 },
				Package () { 0x0001ffff, 1, 0, 17 },
				Package () { 0x0001ffff, 2, 0, 18 },
				Package () { 0x0001ffff, 3, 0, 19 },
				Package () { 0x0002ffff, 0, 0, 17 },
				Package () { 0x0002ffff, 1, 0, 18 },
				Package () { 0x0002ffff, 2, 0, 19 },
				Package () { 0x0002ffff, 3, 0, 16 },
				Package () { 0x0003ffff, 0, 0, 18 },
				Package () { 0x0003ffff, 1, 0, 19 },
				Package () { 0x0003ffff, 2, 0, 16 },
				Package () { 0x0003ffff, 3, 0, 17 },
				Package () { 0x0004ffff, 0, 0, 19 },
				Package () { 0x0004ffff, 1, 0, 16 },
				Package () { 0x0004ffff, 2, 0, 17 },
				Package () { 0x0004ffff, 3, 0, 18 },
				Package () { 0x0005ffff, 0, 0, 16 },
				Package () { 0x0005ffff, 1, 0, 17 },
				Package () { 0x0005ffff, 2, 0, 18 },
				Package () { 0x0005ffff, 3, 0, 19 }
			})

			Device (ISA)
			{
				Name (_ADR, 0x00010000)

				Device (RTC)
				{
					Name (_HID, EisaId ("PNP0B00"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x0070, 0x0070, 1, 2)
						IRQNoFlags () { 8 }
					})
				}

				Device (KBD)
				{
					Name (_HID, EisaId ("PNP0303"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x0060, 0x0060, 1, 1)
						IO (Decode16, 0x0064, 0x0064, 1, 1)
						IRQNoFlags () { 1 }
					})
				}

				Device (COM1)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, 1)
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x03f8, 0x03f8, 1, 8)
						IRQNoFlags () { 4 }
					})
				}
			}
		}
	}
}
