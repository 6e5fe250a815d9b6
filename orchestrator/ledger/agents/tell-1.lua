--[[
  Appends to what a host tells, unless too much of it waits to be taken.

  KEYS[1] told  stream
  ARGV[1] entries that may wait, at most  ARGV[2…] names and values of the entry's fields

  Returns 1, or 0 when there is no room.
]]
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
local fields = {}
for i = 2, #ARGV do fields[i - 1] = ARGV[i] end
redis.call('XADD', KEYS[1], '*', unpack(fields))
return 1
