--[[
  Reserves all that an attempt needs on one host, or nothing.

  KEYS[1] hosts         hash: host -> {"cores": n, "gpus": [id, …]} as JSON
  KEYS[2] reservations  hash: attempt -> {"host", "cores", "gpus": "id,id"} as JSON
  KEYS[3] ended         sorted set of attempts that are over: a late call must reserve nothing
  KEYS[4] tally         hash: 'cores', host -> cores reserved; 'gpu', host, id -> how often; 'attempts' -> how many were counted
  ARGV[1] attempt  ARGV[2] cores wanted  ARGV[3] GPUs wanted  ARGV[4] run id of the server that the caller knows

  Returns {1, reservation}, or {0, why} for "why pending", or {-1, ''} when this is another server: it may lack
  reservations that attempts have.
  Asking twice for one attempt returns the first reservation: the caller may crash in between.
  What is free follows from the reservations, which only these scripts count as they come and go: of thousands, none is
  read. Where anything else has changed them, the tally is gone, or counts another number than there are: then it is made
  anew. A host may change its capacity under them.
]]
if string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= ARGV[4] then return { -1, '' } end
if redis.call('ZSCORE', KEYS[3], ARGV[1]) then return { 0, 'attempt ' .. ARGV[1] .. ' is over' } end
local given = redis.call('HGET', KEYS[2], ARGV[1])
if given then return { 1, given } end

local cores, gpus = tonumber(ARGV[2]), tonumber(ARGV[3])

local function tally(value, by)
  local had = cjson.decode(value)
  if had.cores > 0 then redis.call('HINCRBY', KEYS[4], 'cores\n' .. had.host, by * had.cores) end
  for id in string.gmatch(had.gpus, '[^,]+') do redis.call('HINCRBY', KEYS[4], 'gpu\n' .. had.host .. '\n' .. id, by) end
  redis.call('HINCRBY', KEYS[4], 'attempts', by)
end

if tonumber(redis.call('HGET', KEYS[4], 'attempts') or -1) ~= redis.call('HLEN', KEYS[2]) then
  redis.call('DEL', KEYS[4])
  for _, value in ipairs(redis.call('HVALS', KEYS[2])) do tally(value, 1) end
end

local function usedOf(host, ids)
  local fields = { 'cores\n' .. host }
  for i, id in ipairs(ids) do fields[i + 1] = 'gpu\n' .. host .. '\n' .. id end
  return redis.call('HMGET', KEYS[4], unpack(fields))
end

local function need(cores_word, gpus_word)
  if cores > 0 and gpus > 0 then return cores .. cores_word .. ' and ' .. gpus .. gpus_word end
  return gpus > 0 and gpus .. gpus_word or cores .. cores_word
end
local wanted = 'needs ' .. need(cores == 1 and ' core' or ' cores', gpus == 1 and ' GPU' or ' GPUs')

-- Best fit: the host that is left with least, so that large jobs keep finding whole hosts. GPUs count first; names
-- break ties, as the order of a hash is nobody's.
local best, hosts, possible, most = nil, 0, false, nil
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local name, capacity = all[i], cjson.decode(all[i + 1])
  local used = usedOf(name, capacity.gpus)
  local idle = {}
  for place, id in ipairs(capacity.gpus) do
    if tonumber(used[place + 1] or 0) == 0 then idle[#idle + 1] = id end
  end
  local host = { name = name, cores = math.max(0, capacity.cores - tonumber(used[1] or 0)), idle = idle }
  hosts = hosts + 1
  if capacity.cores >= cores and #capacity.gpus >= gpus then
    possible = true
    if not most or #idle > #most.idle or (#idle == #most.idle and host.cores > most.cores) then most = host end
  end
  if host.cores >= cores and #idle >= gpus then
    local closer = not best or #idle < #best.idle or (#idle == #best.idle and host.cores < best.cores)
    local tied = best and #idle == #best.idle and host.cores == best.cores
    if closer or (tied and name < best.name) then best = host end
  end
end

if hosts == 0 then return { 0, wanted .. ', and the pool has no host' } end
if not possible then return { 0, wanted .. (hosts > 1 and ' on one host' or '') .. ', more than the pool has' } end
if not best then
  local free = cores > 0 and gpus > 0 and most.cores .. ' and ' .. #most.idle or (gpus > 0 and #most.idle or most.cores)
  if hosts == 1 then return { 0, wanted .. ', ' .. free .. ' free' } end
  return { 0, wanted .. ' on one host, at most ' .. free .. ' free' }
end

local ids = {}
for i = 1, gpus do ids[i] = best.idle[i] end
local reservation = cjson.encode({ host = best.name, cores = cores, gpus = table.concat(ids, ',') })
redis.call('HSET', KEYS[2], ARGV[1], reservation)
tally(reservation, 1)
return { 1, reservation }
