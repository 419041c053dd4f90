BEGIN TRANSACTION;
CREATE TABLE artifacts (
	id VARCHAR(32) NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	path TEXT NOT NULL, 
	files JSON NOT NULL, 
	error TEXT, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT fk_artifacts_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "artifacts" VALUES('7bfc715f0c6fa598fcd27d7d9b055c6b','mcwqy3rf',3,'pending','/artifacts/7bfc715f0c6fa598fcd27d7d9b055c6b','{}',NULL,'2026-11-01 22:35:42.015388',NULL);
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	label TEXT NOT NULL, 
	vector JSON, 
	recipe JSON NOT NULL, 
	recipe_digest VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	fitness DOUBLE, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_candidates PRIMARY KEY (id), 
	CONSTRAINT fk_candidates_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_candidates_experiment_id_number UNIQUE (experiment_id, number)
);
INSERT INTO "candidates" VALUES(1,'mcwqy3rf',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:35:41.822654');
INSERT INTO "candidates" VALUES(2,'mcwqy3rf',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:35:41.893509');
INSERT INTO "candidates" VALUES(3,'mcwqy3rf',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:35:41.938386');
INSERT INTO "candidates" VALUES(4,'mcwqy3rf',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:35:41.947937');
INSERT INTO "candidates" VALUES(5,'mcwqy3rf',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','scored',NULL,0.5,'2026-11-01 22:35:41.977270');
INSERT INTO "candidates" VALUES(6,'kce3ihi7',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:35:42.068581');
INSERT INTO "candidates" VALUES(7,'kce3ihi7',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:35:42.101230');
INSERT INTO "candidates" VALUES(8,'kce3ihi7',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:35:42.140085');
INSERT INTO "candidates" VALUES(9,'kce3ihi7',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:35:42.146142');
INSERT INTO "candidates" VALUES(10,'uit7qrvi',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:35:42.198595');
INSERT INTO "candidates" VALUES(11,'uit7qrvi',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:35:42.212048');
INSERT INTO "candidates" VALUES(12,'uit7qrvi',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:35:42.233206');
INSERT INTO "candidates" VALUES(13,'uit7qrvi',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:35:42.239320');
INSERT INTO "candidates" VALUES(14,'uit7qrvi',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','asked',NULL,NULL,'2026-11-01 22:35:42.264095');
CREATE TABLE "evaluations" (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	split VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker TEXT, 
	started_at DATETIME, 
	finished_at DATETIME, 
	timings_s JSON NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	generated_tokens BIGINT NOT NULL, 
	fitness DOUBLE, 
	summary JSON NOT NULL, 
	reason TEXT, 
	block INTEGER DEFAULT '-1' NOT NULL, 
	num_items INTEGER DEFAULT '0' NOT NULL, 
	items_digest VARCHAR(16), 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	CONSTRAINT uq_evaluations_candidate_id_split_block UNIQUE (candidate_id, split, block)
);
INSERT INTO "evaluations" VALUES(1,1,'search','done',1,'worker-1','2026-11-01 22:35:41.845920','2026-11-01 22:35:41.858482','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(2,1,'search','done',1,'worker-1','2026-11-01 22:35:41.876189','2026-11-01 22:35:41.885998','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(3,2,'search','done',1,'worker-1','2026-11-01 22:35:41.899040','2026-11-01 22:35:41.926591','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(4,2,'search','done',1,'worker-1','2026-11-01 22:35:41.932783','2026-11-01 22:35:41.935497','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(5,3,'search','infeasible',0,NULL,NULL,'2026-11-01 22:35:41.945528','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(6,4,'search','lost',1,'worker-0','2026-11-01 22:35:41.949614','2026-11-01 22:35:41.957580','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(7,4,'search','done',1,'worker-1','2026-11-01 22:35:41.963709','2026-11-01 22:35:41.967461','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(8,4,'search','done',1,'worker-1','2026-11-01 22:35:41.971424','2026-11-01 22:35:41.972798','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(9,5,'search','done',1,'worker-1','2026-11-01 22:35:41.982486','2026-11-01 22:35:42.001958','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": null}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(10,5,'search','done',1,'worker-1','2026-11-01 22:35:42.005563','2026-11-01 22:35:42.009697','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(11,4,'selection','done',1,'worker-1','2026-11-01 22:35:42.030487','2026-11-01 22:35:42.033781','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,2,NULL);
INSERT INTO "evaluations" VALUES(12,4,'test','done',1,'worker-1','2026-11-01 22:35:42.042263','2026-11-01 22:35:42.045424','{"apply": 0.25, "score": 1.5}',30,3,2.38095238095238054265e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,3,'dfa461907d63d269');
INSERT INTO "evaluations" VALUES(13,6,'search','done',1,'worker-1','2026-11-01 22:35:42.077447','2026-11-01 22:35:42.081339','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(14,6,'search','done',1,'worker-1','2026-11-01 22:35:42.087590','2026-11-01 22:35:42.095612','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(15,7,'search','done',1,'worker-1','2026-11-01 22:35:42.110744','2026-11-01 22:35:42.117529','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(16,7,'search','done',1,'worker-1','2026-11-01 22:35:42.126303','2026-11-01 22:35:42.131233','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(17,8,'search','infeasible',0,NULL,NULL,'2026-11-01 22:35:42.143156','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(18,9,'search','lost',1,'worker-0','2026-11-01 22:35:42.153602','2026-11-01 22:35:42.159442','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(19,9,'search','done',1,'worker-1','2026-11-01 22:35:42.167600','2026-11-01 22:35:42.169466','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(20,9,'search','done',1,'worker-1','2026-11-01 22:35:42.171491','2026-11-01 22:35:42.177493','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(21,10,'search','done',1,'worker-1','2026-11-01 22:35:42.201485','2026-11-01 22:35:42.204451','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(22,10,'search','done',1,'worker-1','2026-11-01 22:35:42.208396','2026-11-01 22:35:42.210229','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(23,11,'search','done',1,'worker-1','2026-11-01 22:35:42.218313','2026-11-01 22:35:42.222591','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(24,11,'search','done',1,'worker-1','2026-11-01 22:35:42.225259','2026-11-01 22:35:42.229948','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(25,12,'search','infeasible',0,NULL,NULL,'2026-11-01 22:35:42.236068','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(26,13,'search','lost',1,'worker-0','2026-11-01 22:35:42.242295','2026-11-01 22:35:42.246485','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(27,13,'search','done',1,'worker-1','2026-11-01 22:35:42.250192','2026-11-01 22:35:42.253939','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(28,13,'search','done',1,'worker-1','2026-11-01 22:35:42.258813','2026-11-01 22:35:42.261970','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(29,14,'search','running',1,'worker-1','2026-11-01 22:35:42.269803',NULL,'{}',0,0,NULL,'{}',NULL,-1,0,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	payload JSON NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_events_experiment_id_seq UNIQUE (experiment_id, seq)
);
INSERT INTO "events" VALUES(1,'mcwqy3rf',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:35:41.802653');
INSERT INTO "events" VALUES(2,'mcwqy3rf',2,'state','{"from": "created", "to": "running", "driver": "node-1:21884", "error": null}','2026-11-01 22:35:41.810426');
INSERT INTO "events" VALUES(3,'mcwqy3rf',3,'ask','{"candidate_id": 1, "number": 0, "kind": "baseline", "block": null}','2026-11-01 22:35:41.822654');
INSERT INTO "events" VALUES(4,'mcwqy3rf',4,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:41.845920');
INSERT INTO "events" VALUES(5,'mcwqy3rf',5,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 22:35:41.858482');
INSERT INTO "events" VALUES(6,'mcwqy3rf',6,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:41.876189');
INSERT INTO "events" VALUES(7,'mcwqy3rf',7,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 22:35:41.885998');
INSERT INTO "events" VALUES(8,'mcwqy3rf',8,'ask','{"candidate_id": 2, "number": 1, "kind": "baseline", "block": null}','2026-11-01 22:35:41.893509');
INSERT INTO "events" VALUES(9,'mcwqy3rf',9,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:41.899040');
INSERT INTO "events" VALUES(10,'mcwqy3rf',10,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 22:35:41.926591');
INSERT INTO "events" VALUES(11,'mcwqy3rf',11,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:41.932783');
INSERT INTO "events" VALUES(12,'mcwqy3rf',12,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 22:35:41.935497');
INSERT INTO "events" VALUES(13,'mcwqy3rf',13,'ask','{"candidate_id": 3, "number": 2, "kind": "search", "block": null}','2026-11-01 22:35:41.938386');
INSERT INTO "events" VALUES(14,'mcwqy3rf',14,'infeasible','{"candidate_id": 3, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 22:35:41.945528');
INSERT INTO "events" VALUES(15,'mcwqy3rf',15,'ask','{"candidate_id": 4, "number": 3, "kind": "search", "block": null}','2026-11-01 22:35:41.947937');
INSERT INTO "events" VALUES(16,'mcwqy3rf',16,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 22:35:41.949614');
INSERT INTO "events" VALUES(17,'mcwqy3rf',17,'lost','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:35:41.957580');
INSERT INTO "events" VALUES(18,'mcwqy3rf',18,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:41.963709');
INSERT INTO "events" VALUES(19,'mcwqy3rf',19,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 22:35:41.967461');
INSERT INTO "events" VALUES(20,'mcwqy3rf',20,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:41.971424');
INSERT INTO "events" VALUES(21,'mcwqy3rf',21,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 22:35:41.972798');
INSERT INTO "events" VALUES(22,'mcwqy3rf',22,'ask','{"candidate_id": 5, "number": 4, "kind": "search", "block": null}','2026-11-01 22:35:41.977270');
INSERT INTO "events" VALUES(23,'mcwqy3rf',23,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:41.982486');
INSERT INTO "events" VALUES(24,'mcwqy3rf',24,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "fitness": 0.5714285714285714}','2026-11-01 22:35:42.001958');
INSERT INTO "events" VALUES(25,'mcwqy3rf',25,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.005563');
INSERT INTO "events" VALUES(26,'mcwqy3rf',26,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "fitness": 0.4285714285714286}','2026-11-01 22:35:42.009697');
INSERT INTO "events" VALUES(27,'mcwqy3rf',27,'export','{"artifact": "7bfc715f0c6fa598fcd27d7d9b055c6b", "number": 3, "state": "pending", "error": null, "by": "ann"}','2026-11-01 22:35:42.015388');
INSERT INTO "events" VALUES(28,'mcwqy3rf',28,'start','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.030487');
INSERT INTO "events" VALUES(29,'mcwqy3rf',29,'measure','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "fitness": 0.3571428571428571}','2026-11-01 22:35:42.033781');
INSERT INTO "events" VALUES(30,'mcwqy3rf',30,'start','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.042263');
INSERT INTO "events" VALUES(31,'mcwqy3rf',31,'measure','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "fitness": 0.23809523809523805}','2026-11-01 22:35:42.045424');
INSERT INTO "events" VALUES(32,'mcwqy3rf',32,'decision','{"decision": "winner", "data": {"number": 3, "reason": "better than the center"}}','2026-11-01 22:35:42.047723');
INSERT INTO "events" VALUES(33,'mcwqy3rf',33,'state','{"from": "running", "to": "finished", "driver": "node-1:21884", "error": null}','2026-11-01 22:35:42.056137');
INSERT INTO "events" VALUES(34,'kce3ihi7',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:35:42.062864');
INSERT INTO "events" VALUES(35,'kce3ihi7',2,'state','{"from": "created", "to": "running", "driver": "node-1:21884", "error": null}','2026-11-01 22:35:42.065431');
INSERT INTO "events" VALUES(36,'kce3ihi7',3,'ask','{"candidate_id": 6, "number": 0, "kind": "baseline", "block": null}','2026-11-01 22:35:42.068581');
INSERT INTO "events" VALUES(37,'kce3ihi7',4,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.077447');
INSERT INTO "events" VALUES(38,'kce3ihi7',5,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 22:35:42.081339');
INSERT INTO "events" VALUES(39,'kce3ihi7',6,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.087590');
INSERT INTO "events" VALUES(40,'kce3ihi7',7,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 22:35:42.095612');
INSERT INTO "events" VALUES(41,'kce3ihi7',8,'ask','{"candidate_id": 7, "number": 1, "kind": "baseline", "block": null}','2026-11-01 22:35:42.101230');
INSERT INTO "events" VALUES(42,'kce3ihi7',9,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.110744');
INSERT INTO "events" VALUES(43,'kce3ihi7',10,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 22:35:42.117529');
INSERT INTO "events" VALUES(44,'kce3ihi7',11,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.126303');
INSERT INTO "events" VALUES(45,'kce3ihi7',12,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 22:35:42.131233');
INSERT INTO "events" VALUES(46,'kce3ihi7',13,'ask','{"candidate_id": 8, "number": 2, "kind": "search", "block": null}','2026-11-01 22:35:42.140085');
INSERT INTO "events" VALUES(47,'kce3ihi7',14,'infeasible','{"candidate_id": 8, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 22:35:42.143156');
INSERT INTO "events" VALUES(48,'kce3ihi7',15,'ask','{"candidate_id": 9, "number": 3, "kind": "search", "block": null}','2026-11-01 22:35:42.146142');
INSERT INTO "events" VALUES(49,'kce3ihi7',16,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 22:35:42.153602');
INSERT INTO "events" VALUES(50,'kce3ihi7',17,'lost','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:35:42.159442');
INSERT INTO "events" VALUES(51,'kce3ihi7',18,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.167600');
INSERT INTO "events" VALUES(52,'kce3ihi7',19,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 22:35:42.169466');
INSERT INTO "events" VALUES(53,'kce3ihi7',20,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.171491');
INSERT INTO "events" VALUES(54,'kce3ihi7',21,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 22:35:42.177493');
INSERT INTO "events" VALUES(55,'kce3ihi7',22,'state','{"from": "running", "to": "interrupted", "driver": "node-1:21884", "error": null}','2026-11-01 22:35:42.184422');
INSERT INTO "events" VALUES(56,'uit7qrvi',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:35:42.190233');
INSERT INTO "events" VALUES(57,'uit7qrvi',2,'state','{"from": "created", "to": "running", "driver": "node-1:21884", "error": null}','2026-11-01 22:35:42.193147');
INSERT INTO "events" VALUES(58,'uit7qrvi',3,'ask','{"candidate_id": 10, "number": 0, "kind": "baseline", "block": null}','2026-11-01 22:35:42.198595');
INSERT INTO "events" VALUES(59,'uit7qrvi',4,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.201485');
INSERT INTO "events" VALUES(60,'uit7qrvi',5,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 22:35:42.204451');
INSERT INTO "events" VALUES(61,'uit7qrvi',6,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.208396');
INSERT INTO "events" VALUES(62,'uit7qrvi',7,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 22:35:42.210229');
INSERT INTO "events" VALUES(63,'uit7qrvi',8,'ask','{"candidate_id": 11, "number": 1, "kind": "baseline", "block": null}','2026-11-01 22:35:42.212048');
INSERT INTO "events" VALUES(64,'uit7qrvi',9,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.218313');
INSERT INTO "events" VALUES(65,'uit7qrvi',10,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 22:35:42.222591');
INSERT INTO "events" VALUES(66,'uit7qrvi',11,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.225259');
INSERT INTO "events" VALUES(67,'uit7qrvi',12,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 22:35:42.229948');
INSERT INTO "events" VALUES(68,'uit7qrvi',13,'ask','{"candidate_id": 12, "number": 2, "kind": "search", "block": null}','2026-11-01 22:35:42.233206');
INSERT INTO "events" VALUES(69,'uit7qrvi',14,'infeasible','{"candidate_id": 12, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 22:35:42.236068');
INSERT INTO "events" VALUES(70,'uit7qrvi',15,'ask','{"candidate_id": 13, "number": 3, "kind": "search", "block": null}','2026-11-01 22:35:42.239320');
INSERT INTO "events" VALUES(71,'uit7qrvi',16,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 22:35:42.242295');
INSERT INTO "events" VALUES(72,'uit7qrvi',17,'lost','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:35:42.246485');
INSERT INTO "events" VALUES(73,'uit7qrvi',18,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.250192');
INSERT INTO "events" VALUES(74,'uit7qrvi',19,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 22:35:42.253939');
INSERT INTO "events" VALUES(75,'uit7qrvi',20,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.258813');
INSERT INTO "events" VALUES(76,'uit7qrvi',21,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 22:35:42.261970');
INSERT INTO "events" VALUES(77,'uit7qrvi',22,'ask','{"candidate_id": 14, "number": 4, "kind": "search", "block": null}','2026-11-01 22:35:42.264095');
INSERT INTO "events" VALUES(78,'uit7qrvi',23,'start','{"candidate_id": 14, "number": 4, "split": "search", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:42.269803');
CREATE TABLE evomerge_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT evomerge_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "evomerge_schema_version" VALUES('0003');
CREATE TABLE experiments (
	id VARCHAR(8) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	spec JSON NOT NULL, 
	source_dir TEXT NOT NULL, 
	resolved JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	seconds_spent DOUBLE NOT NULL, 
	error TEXT, 
	driver JSON, owner VARCHAR(64) DEFAULT '' NOT NULL, priority INTEGER DEFAULT '0' NOT NULL, wanted VARCHAR(16), revision INTEGER DEFAULT '1' NOT NULL, budget JSON, workers INTEGER, launch JSON, control_seq INTEGER DEFAULT '0' NOT NULL, last_seq INTEGER DEFAULT '0' NOT NULL, num_candidates INTEGER DEFAULT '0' NOT NULL, num_scored INTEGER DEFAULT '0' NOT NULL, num_infeasible INTEGER DEFAULT '0' NOT NULL, num_running INTEGER DEFAULT '0' NOT NULL, num_done INTEGER DEFAULT '0' NOT NULL, num_lost INTEGER DEFAULT '0' NOT NULL, num_search_items BIGINT DEFAULT '0' NOT NULL, prompt_tokens BIGINT DEFAULT '0' NOT NULL, generated_tokens BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('mcwqy3rf','finished','finished','{"name": "finished", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:35:41.789751','2026-11-01 22:35:42.056137',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,33,5,4,1,0,10,1,16,210,21);
INSERT INTO "experiments" VALUES('kce3ihi7','interrupted','interrupted','{"name": "interrupted", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:35:42.062049','2026-11-01 22:35:42.184422',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,22,4,3,1,0,6,1,12,120,12);
INSERT INTO "experiments" VALUES('uit7qrvi','killed','running','{"name": "killed", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:35:42.189486','2026-11-01 22:35:42.271199',12.5,NULL,'{"host": "node-1", "pid": 21884, "process_started": 1795732540.39, "heartbeat": "2026-11-01T22:35:42.271365+00:00", "token": "029d7d9b5da151652b2e39504262753f"}','',0,NULL,2,NULL,NULL,NULL,0,23,5,3,1,1,6,1,12,120,12);
CREATE TABLE item_scores (
	evaluation_id INTEGER NOT NULL, 
	task VARCHAR(255) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	score DOUBLE NOT NULL, 
	reference_logprob DOUBLE, 
	output TEXT, 
	CONSTRAINT pk_item_scores PRIMARY KEY (evaluation_id, task, item), 
	CONSTRAINT fk_item_scores_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id)
);
INSERT INTO "item_scores" VALUES(1,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(1,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(3,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(3,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(7,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(7,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'choice','0000000000000000',8.57142857142857095276e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(9,'words','0000000000000001',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'choice','0000000000000002',7.14285714285714301574e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'words','0000000000000003',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'choice','1000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(11,'words','1000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(12,'words','2000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(13,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(15,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(19,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(19,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(21,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(21,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(23,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(23,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(27,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(27,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
CREATE TABLE requests (
	owner VARCHAR(64) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	resource TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY (owner, "key")
);
CREATE TABLE tokens (
	id VARCHAR(8) NOT NULL, 
	name TEXT NOT NULL, 
	owner VARCHAR(64) NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	last_used_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_digest UNIQUE (digest)
);
CREATE INDEX ix_experiments_created_at_id ON experiments (created_at, id);
CREATE INDEX ix_experiments_name ON experiments (name);
CREATE INDEX ix_candidates_experiment_id_recipe_digest ON candidates (experiment_id, recipe_digest);
CREATE INDEX ix_candidates_experiment_id_state_fitness ON candidates (experiment_id, state, fitness);
CREATE INDEX ix_evaluations_items_digest ON evaluations (items_digest);
CREATE INDEX ix_experiments_state_created_at ON experiments (state, created_at);
CREATE INDEX ix_experiments_owner_state ON experiments (owner, state);
CREATE INDEX ix_events_experiment_id_kind_seq ON events (experiment_id, kind, seq);
CREATE INDEX ix_requests_at ON requests (at);
CREATE INDEX ix_artifacts_experiment_id_created_at ON artifacts (experiment_id, created_at);
CREATE INDEX ix_artifacts_state ON artifacts (state);
COMMIT;
