-- ARGV: node, lease ('' = every lease of the node), word for the timeline, detail, '1' if running work was lost,
-- most lost attempts, most jobs in this call. Returns how many jobs went back; fewer than the limit means all.
local node, only, word, detail = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local lost, max_lost, most = ARGV[5] == '1', tonumber(ARGV[6]), tonumber(ARGV[7])
local jobs = redis.call('HGETALL', 'worker:' .. node .. ':jobs')
local together = {}
for i = 1, #jobs, 2 do
  if redis.call('HGET', 'job:' .. jobs[i], 'state') == 'running' then
    together[jobs[i + 1]] = (together[jobs[i + 1]] or 0) + 1
  end
end
local moved = 0
touch(node)
for i = 1, #jobs, 2 do
  local id, lease = jobs[i], jobs[i + 1]
  if (only == '' or only == lease) and moved < most then
    moved = moved + 1
    local key = 'job:' .. id
    if lost and redis.call('HGET', key, 'state') == 'running' then
      redis.call('HSET', key, 'avoid', node)
      if only ~= '' and together[lease] > 1 then
        -- One of several that shared the process killed it: none is blamed, each runs alone next.
        redis.call('HSET', key, 'alone', '1')
        requeue(id, word, detail)
      elseif redis.call('HINCRBY', key, 'lost', 1) >= max_lost then
        unbind(id)
        redis.call('HSET', key, 'error', cjson.encode({type = 'lost', step = cjson.null,
          detail = 'the process that worked on this image died ' .. max_lost .. ' times; last on ' .. node .. ': ' .. detail}))
        transition(id, 'quarantined', 'quarantined', detail)
      else
        requeue(id, word, detail)
      end
    else
      requeue(id, word, detail)
    end
  end
end
if moved < most then
  if only == '' then
    redis.call('DEL', 'worker:' .. node .. ':waiting', 'worker:' .. node .. ':running')
  else
    redis.call('ZREM', 'worker:' .. node .. ':waiting', only)
    redis.call('ZREM', 'worker:' .. node .. ':running', only)
    redis.call('DEL', 'lease:' .. only)
  end
end
return moved
