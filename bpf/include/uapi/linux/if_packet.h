/* No packet is looked at. */
#pragma once
