/* Nothing of the classic BPF interface is used here. */
#pragma once
