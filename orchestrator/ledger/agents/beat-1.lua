--[[
  A sign of life. Counted, not timed: who listens compares two counts, so that no two clocks have to agree.

  KEYS[1] agents  hash: host -> 'state beat incarnation facts'
  ARGV[1] host  ARGV[2] incarnation  ARGV[3] state: live or draining

  Returns 'alive'; 'fenced' when the incarnation is no longer part of the pool; 'unknown' when Redis has forgotten it.
]]
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known then return 'unknown' end
local state, beat, incarnation, facts = string.match(known, '^(%S+) (%d+) (%S+) (.*)$')
if incarnation ~= ARGV[2] or (state ~= 'live' and state ~= 'draining') then return 'fenced' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ' ' .. (tonumber(beat) + 1) .. ' ' .. incarnation .. ' ' .. facts)
return 'alive'
