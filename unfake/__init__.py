"""UnFake: is this picture real, before you download and use it?"""
