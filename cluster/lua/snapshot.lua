-- ARGV: version of the last snapshot ('-1' = none), fields to read... What the policies need of the active nodes, of which
-- only those are read that have changed since that version.
-- Returns {now, version, backlog, waiting since, policy, bindings, weights JSON, policy that adaptive follows, head of the
-- backlog, how many nodes are active, those whose image worker is silent, changed nodes}; the head is {} or {id, cost, peak,
-- avoid, batch, alone, rank}, a node is {name, active, waiting, running, field values...}.
local version = tonumber(redis.call('GET', 'workers:version') or '0')
local since = tonumber(ARGV[1])
-- After a restart that lost the last changes, versions may have been given twice.
if since > version then since = -1 end
local names = redis.call('SMEMBERS', 'workers:active')
local signs = {}
for i, node in ipairs(names) do signs[i] = 'worker:' .. node .. ':alive' end
local silent = {}
if #names > 0 then
  for i, sign in ipairs(redis.call('MGET', unpack(signs))) do
    if not sign then silent[#silent + 1] = names[i] end
  end
end
local changed = {}
local active = {}
if since < 0 then
  changed = names
  for _, node in ipairs(names) do active[node] = 1 end
else
  changed = redis.call('ZRANGEBYSCORE', 'workers:changed', '(' .. since, '+inf')
  if #changed > 0 then
    for i, is in ipairs(redis.call('SMISMEMBER', 'workers:active', unpack(changed))) do active[changed[i]] = is end
  end
end
local rows = {}
for i, node in ipairs(changed) do
  local key = 'worker:' .. node
  rows[i] = {node, active[node], redis.call('ZCARD', key .. ':waiting'), redis.call('ZCARD', key .. ':running'),
    unpack(redis.call('HMGET', key, unpack(ARGV, 2)))}
end
local head = redis.call('ZRANGE', 'backlog', 0, 0)
if head[1] then
  local job = redis.call('HMGET', 'job:' .. head[1], 'cost', 'peak', 'avoid', 'batch', 'alone', 'rank')
  for i = 1, 6 do head[i + 1] = job[i] end
end
return {stamp, version, redis.call('ZCARD', 'backlog'), head[1] and redis.call('GET', 'backlog:since') or 'inf',
  redis.call('GET', 'policy') or '', redis.call('GET', 'bindings') or '0', redis.call('GET', 'policy:weights') or '',
  redis.call('GET', 'policy:adapted') or '', head, #names, silent, rows}
