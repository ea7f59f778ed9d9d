"""UnFake: is this picture real, before you download and use it?"""

from unfake import telemetry

telemetry.switch_off()
